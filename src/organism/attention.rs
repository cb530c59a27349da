//! Attention for training, with its gradient: new tokens over a prefix that all rows share, and causally over
//! their own row.
//!
//! candle's composed softmax would write the scores [B, H, T, P + T] to memory some twenty times a layer;
//! here a task holds those of one row and head, and the backward pass computes them again
//! (the idea of FlashAttention, Dao et al. 2022, arXiv 2205.14135, section 3.1).

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use crate::decoder::kernels::{self, COLUMN_STEP, Stripe};

/// softmax(Q Kᵀ / √E + causal) V of queries [B, H, T, E], a shared prefix [2, H, P, E] (keys, values) and the
/// rows' own keys and values [2, B, H, T, E]. Heads are not grouped. Differentiable in all three.
pub(crate) fn attend(queries: &Tensor, shared: &Tensor, own: &Tensor) -> Result<Tensor> {
    queries.apply_op3(&shared.contiguous()?, &own.contiguous()?, Attention)
}

struct Attention;

/// Sizes of a call.
#[derive(Clone, Copy)]
struct Sizes {
    b: usize,
    h: usize,
    t: usize,
    p: usize,
    e: usize,
}

/// One row and head: queries [T, E] and all keys and values [P + T, E], with what both passes need.
struct Head {
    sizes: Sizes,
    keys: Vec<f32>,
    values: Vec<f32>,
}

fn padded(n: usize) -> usize {
    n.next_multiple_of(COLUMN_STEP)
}

/// c [m, n] = a [m, k] × b [k, n], rows of `n` rounded up to whole vectors.
fn product(a: &[f32], b: &[f32], m: usize, k: usize, n: usize, a_stride: usize) -> Vec<f32> {
    let mut c = vec![0f32; m * n];
    kernels::gemm(a, a_stride, b, n, k, &mut Stripe::new(&mut c, m, n, n));
    c
}

/// [rows, columns] → [columns, rows rounded up to whole vectors], zeros behind.
fn transposed(x: &[f32], rows: usize, columns: usize, stride: usize) -> Vec<f32> {
    let width = padded(rows);
    let mut out = vec![0f32; columns * width];
    for (r, row) in x.chunks_exact(stride).take(rows).enumerate() {
        for (c, &value) in row[..columns].iter().enumerate() {
            out[c * width + r] = value;
        }
    }
    out
}

impl Head {
    fn new(sizes: Sizes, b: usize, h: usize, shared: &[f32], own: &[f32]) -> Self {
        let Sizes { p, t, e, .. } = sizes;
        let gather = |which: usize| {
            let from_shared = (which * sizes.h + h) * p * e;
            let from_own = ((which * sizes.b + b) * sizes.h + h) * t * e;
            let mut all = Vec::with_capacity((p + t) * e);
            all.extend_from_slice(&shared[from_shared..from_shared + p * e]);
            all.extend_from_slice(&own[from_own..from_own + t * e]);
            all
        };
        Self { sizes, keys: gather(0), values: gather(1) }
    }

    /// Attention weights [T, P + T rounded up].
    fn weights(&self, queries: &[f32]) -> Vec<f32> {
        let Sizes { p, t, e, .. } = self.sizes;
        let width = padded(p + t);
        let scaled: Vec<f32> = queries.iter().map(|q| q / (e as f32).sqrt()).collect();
        let mut weights = product(&scaled, &transposed(&self.keys, p + t, e, e), t, e, width, e);
        for (i, row) in weights.chunks_exact_mut(width).enumerate() {
            let (past, future) = row.split_at_mut(p + i + 1);
            let sum = kernels::softmax_terms(past, f32::NEG_INFINITY);
            past.iter_mut().for_each(|w| *w /= sum);
            future.fill(0.0);
        }
        weights
    }

    fn forward(&self, queries: &[f32]) -> Vec<f32> {
        let Sizes { p, t, e, .. } = self.sizes;
        product(&self.weights(queries), &self.values, t, p + t, e, padded(p + t))
    }

    /// Gradients of queries [T, E], keys and values [P + T, E], given that of the result [T, E].
    fn backward(&self, queries: &[f32], gradient: &[f32]) -> [Vec<f32>; 3] {
        let Sizes { p, t, e, .. } = self.sizes;
        let (n, width) = (p + t, padded(p + t));
        let weights = self.weights(queries);
        let d_values = product(&transposed(&weights, t, n, width), gradient, n, t, e, padded(t));
        // d_scores = w ∘ (d_w − Σ w ∘ d_w), row by row
        let mut d_scores = product(gradient, &transposed(&self.values, n, e, e), t, e, width, e);
        for (d, w) in d_scores.chunks_exact_mut(width).zip(weights.chunks_exact(width)) {
            let mean: f32 = d.iter().zip(w).map(|(d, w)| d * w).sum();
            d.iter_mut().zip(w).for_each(|(d, w)| *d = w * (*d - mean) / (e as f32).sqrt());
        }
        let d_queries = product(&d_scores, &self.keys, t, n, e, width);
        let d_keys = product(&transposed(&d_scores, t, n, width), queries, n, t, e, padded(t));
        [d_queries, d_keys, d_values]
    }
}

fn sizes(queries: &[usize], shared: &[usize]) -> Result<Sizes> {
    match (queries, shared) {
        (&[b, h, t, e], &[2, _, p, _]) if e % COLUMN_STEP == 0 => Ok(Sizes { b, h, t, p, e }),
        _ => candle_core::bail!("attention of {queries:?} over {shared:?}"),
    }
}

fn flat<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => candle_core::bail!("attention wants contiguous tensors"),
    }
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "shared-prefix-attention"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let s = sizes(l1.dims(), l2.dims())?;
        let (queries, shared, own) = (flat(s1, l1)?, flat(s2, l2)?, flat(s3, l3)?);
        let mut out = vec![0f32; s.b * s.h * s.t * s.e];
        out.par_chunks_mut(s.t * s.e).zip(queries.par_chunks(s.t * s.e)).enumerate().for_each(
            |(i, (out, queries))| {
                let head = Head::new(s, i / s.h, i % s.h, shared, own);
                out.copy_from_slice(&head.forward(queries));
            },
        );
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }

    fn bwd(
        &self,
        queries: &Tensor,
        shared: &Tensor,
        own: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let s = sizes(queries.dims(), shared.dims())?;
        let values = |x: &Tensor| x.flatten_all()?.to_vec1::<f32>();
        let (q, kv, own_kv, g) =
            (values(queries)?, values(shared)?, values(own)?, values(gradient)?);
        let (row, past) = (s.t * s.e, s.p * s.e);
        let parts: Vec<[Vec<f32>; 3]> = (0..s.b * s.h)
            .into_par_iter()
            .map(|i| {
                let head = Head::new(s, i / s.h, i % s.h, &kv, &own_kv);
                head.backward(&q[i * row..(i + 1) * row], &g[i * row..(i + 1) * row])
            })
            .collect();
        let mut d_queries = Vec::with_capacity(q.len());
        let mut d_shared = vec![0f32; kv.len()];
        let mut d_own = vec![0f32; own_kv.len()];
        for (i, [dq, dk, dv]) in parts.iter().enumerate() {
            d_queries.extend_from_slice(dq);
            for (which, d) in [dk, dv].into_iter().enumerate() {
                let at = (which * s.h + i % s.h) * past;
                d_shared[at..at + past].iter_mut().zip(d).for_each(|(sum, d)| *sum += d);
                let at = (which * s.b * s.h + i) * row;
                d_own[at..at + row].copy_from_slice(&d[past..]);
            }
        }
        let tensor =
            |values: Vec<f32>, like: &Tensor| Tensor::from_vec(values, like.shape(), like.device());
        Ok((
            Some(tensor(d_queries, queries)?),
            Some(tensor(d_shared, shared)?),
            Some(tensor(d_own, own)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{D, Device, Var};

    fn filled(shape: &[usize], salt: usize) -> Var {
        let n: usize = shape.iter().product();
        let values: Vec<f32> =
            (0..n).map(|i| (((i * 7919 + salt * 104_729) % 997) as f32 / 997.0) - 0.5).collect();
        Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
    }

    /// The same in candle's own differentiable operations.
    fn composed(q: &Tensor, shared: &Tensor, own: &Tensor) -> Result<Tensor> {
        let (b, h, t, e) = q.dims4()?;
        let p = shared.dim(2)?;
        let all = |which: usize| {
            let past = shared.get(which)?.unsqueeze(0)?.broadcast_as((b, h, p, e))?;
            Tensor::cat(&[&past.contiguous()?, &own.get(which)?], 2)
        };
        let mask: Vec<f32> = (0..t)
            .flat_map(|i| (0..p + t).map(move |j| if j > p + i { f32::NEG_INFINITY } else { 0.0 }))
            .collect();
        let mask = Tensor::from_vec(mask, (t, p + t), q.device())?;
        let scores = (q.matmul(&all(0)?.transpose(2, 3)?.contiguous()?)? / (e as f64).sqrt())?;
        candle_nn::ops::softmax(&scores.broadcast_add(&mask)?, D::Minus1)?.matmul(&all(1)?)
    }

    #[test]
    fn result_and_gradients_equal_the_composed_operation() {
        let q = filled(&[3, 2, 5, 16], 1);
        let shared = filled(&[2, 2, 7, 16], 2);
        let own = filled(&[2, 3, 2, 5, 16], 3);
        let weight = filled(&[3, 2, 5, 16], 4);
        let grads = |f: fn(&Tensor, &Tensor, &Tensor) -> Result<Tensor>| {
            let out = f(&q, &shared, &own).unwrap();
            let store = (&out * weight.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
            let get =
                |v: &Var| store.get(v).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            (
                out.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
                [get(&q), get(&shared), get(&own)],
            )
        };
        let (ours, our_grads) = grads(attend);
        let (theirs, their_grads) = grads(composed);
        for (a, b) in std::iter::once((&ours, &theirs)).chain(our_grads.iter().zip(&their_grads)) {
            assert_eq!(a.len(), b.len());
            for (x, y) in a.iter().zip(b) {
                assert!((x - y).abs() < 1e-5, "{x} {y}");
            }
        }
    }
}
