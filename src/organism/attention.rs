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
/// rows' own keys and values [2, B, H, T, E]. Differentiable in all three.
pub(crate) fn attend(queries: &Tensor, shared: &Tensor, own: &Tensor) -> Result<Tensor> {
    let scale = 1.0 / (queries.dim(3)? as f32).sqrt();
    attend_as(Form { scale, ..Form::default() }, queries, shared, own)
}

/// The same in any form: of G heads of keys and values, each serves H / G of the queries.
pub(crate) fn attend_as(
    form: Form,
    queries: &Tensor,
    shared: &Tensor,
    own: &Tensor,
) -> Result<Tensor> {
    queries.contiguous()?.apply_op3(&shared.contiguous()?, &own.contiguous()?, Attention(form))
}

/// How a layer attends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    /// Factor on the products of queries and keys.
    pub(crate) scale: f32,
    /// A token sees itself and the tokens before it, this many in all.
    pub(crate) window: Option<usize>,
    /// Scores x become cap · tanh(x / cap).
    pub(crate) softcap: Option<f32>,
    /// Scores that take weight from all positions, one for each head of queries; they learn nothing.
    pub(crate) sinks: Option<Vec<f32>>,
    /// Whether the prefix learns nothing: its gradient is then not computed.
    pub(crate) shared_is_fixed: bool,
}

struct Attention(Form);

/// Sizes of a call.
#[derive(Clone, Copy)]
struct Sizes {
    b: usize,
    h: usize,
    g: usize,
    t: usize,
    p: usize,
    e: usize,
}

/// One row and head: queries [T, E] and all keys and values [P + T, E], with what both passes need.
struct Head<'a> {
    sizes: Sizes,
    form: &'a Form,
    /// Minus infinity where there is none.
    sink: f32,
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
    // The last row may be cut behind its columns.
    for (r, row) in x.chunks(stride).take(rows).enumerate() {
        for (c, &value) in row[..columns].iter().enumerate() {
            out[c * width + r] = value;
        }
    }
    out
}

impl<'a> Head<'a> {
    fn new(sizes: Sizes, form: &'a Form, b: usize, h: usize, shared: &[f32], own: &[f32]) -> Self {
        let Sizes { p, t, e, g: groups, .. } = sizes;
        let g = h / (sizes.h / groups);
        let gather = |which: usize| {
            let from_shared = (which * groups + g) * p * e;
            let from_own = ((which * sizes.b + b) * groups + g) * t * e;
            let mut all = Vec::with_capacity((p + t) * e);
            all.extend_from_slice(&shared[from_shared..from_shared + p * e]);
            all.extend_from_slice(&own[from_own..from_own + t * e]);
            all
        };
        let sink = form.sinks.as_ref().and_then(|sinks| sinks.get(h)).copied();
        let sink = sink.unwrap_or(f32::NEG_INFINITY);
        Self { sizes, form, sink, keys: gather(0), values: gather(1) }
    }

    /// Attention weights [T, P + T rounded up], and where scores are capped the slopes of the cap.
    fn weights(&self, queries: &[f32]) -> (Vec<f32>, Option<Vec<f32>>) {
        let Sizes { p, t, e, .. } = self.sizes;
        let width = padded(p + t);
        let scaled: Vec<f32> = queries.iter().map(|q| q * self.form.scale).collect();
        let mut weights = product(&scaled, &transposed(&self.keys, p + t, e, e), t, e, width, e);
        let slopes = self.form.softcap.map(|cap| {
            let capped = weights.iter_mut().map(|score| {
                let bent = libm::tanhf(*score / cap);
                *score = cap * bent;
                1.0 - bent * bent
            });
            capped.collect()
        });
        for (i, row) in weights.chunks_exact_mut(width).enumerate() {
            let (past, future) = row.split_at_mut(p + i + 1);
            let first = self.form.window.map_or(0, |window| past.len().saturating_sub(window));
            let (hidden, seen) = past.split_at_mut(first);
            let sum = kernels::softmax_terms(seen, self.sink);
            seen.iter_mut().for_each(|w| *w /= sum);
            hidden.fill(0.0);
            future.fill(0.0);
        }
        (weights, slopes)
    }

    fn forward(&self, queries: &[f32]) -> Vec<f32> {
        let Sizes { p, t, e, .. } = self.sizes;
        product(&self.weights(queries).0, &self.values, t, p + t, e, padded(p + t))
    }

    /// Gradients of queries [T, E], and of keys and values [P + T, E] or, where the prefix is fixed, [T, E], given
    /// that of the result [T, E].
    fn backward(&self, queries: &[f32], gradient: &[f32]) -> [Vec<f32>; 3] {
        let Sizes { p, t, e, .. } = self.sizes;
        let (n, width) = (p + t, padded(p + t));
        let (weights, slopes) = self.weights(queries);
        // d_scores = w ∘ (d_w − Σ w ∘ d_w), row by row
        let mut d_scores = product(gradient, &transposed(&self.values, n, e, e), t, e, width, e);
        for (d, w) in d_scores.chunks_exact_mut(width).zip(weights.chunks_exact(width)) {
            let mean: f32 = d.iter().zip(w).map(|(d, w)| d * w).sum();
            d.iter_mut().zip(w).for_each(|(d, w)| *d = w * (*d - mean) * self.form.scale);
        }
        if let Some(slopes) = slopes {
            d_scores.iter_mut().zip(slopes).for_each(|(d, slope)| *d *= slope);
        }
        let d_queries = product(&d_scores, &self.keys, t, n, e, width);
        // Of the columns from here on gradients are wanted.
        let first = if self.form.shared_is_fixed { p } else { 0 };
        let turned = |x: &[f32]| transposed(&x[first..], t, n - first, width);
        let d_values = product(&turned(&weights), gradient, n - first, t, e, padded(t));
        let d_keys = product(&turned(&d_scores), queries, n - first, t, e, padded(t));
        [d_queries, d_keys, d_values]
    }
}

fn sizes(queries: &[usize], shared: &[usize]) -> Result<Sizes> {
    match (queries, shared) {
        (&[b, h, t, e], &[2, g, p, _]) if e % COLUMN_STEP == 0 && g > 0 && h % g == 0 => {
            Ok(Sizes { b, h, g, t, p, e })
        }
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
                let head = Head::new(s, &self.0, i / s.h, i % s.h, shared, own);
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
        let fixed = self.0.shared_is_fixed;
        let (row, past) = (s.t * s.e, if fixed { 0 } else { s.p * s.e });
        let parts: Vec<[Vec<f32>; 3]> = (0..s.b * s.h)
            .into_par_iter()
            .map(|i| {
                let head = Head::new(s, &self.0, i / s.h, i % s.h, &kv, &own_kv);
                head.backward(&q[i * row..(i + 1) * row], &g[i * row..(i + 1) * row])
            })
            .collect();
        let mut d_queries = Vec::with_capacity(q.len());
        let mut d_shared = vec![0f32; if fixed { 0 } else { kv.len() }];
        let mut d_own = vec![0f32; own_kv.len()];
        for (i, [dq, dk, dv]) in parts.iter().enumerate() {
            d_queries.extend_from_slice(dq);
            let (b, g) = (i / s.h, i % s.h / (s.h / s.g));
            for (which, d) in [dk, dv].into_iter().enumerate() {
                let at = (which * s.g + g) * past;
                d_shared[at..at + past].iter_mut().zip(d).for_each(|(sum, d)| *sum += d);
                let at = ((which * s.b + b) * s.g + g) * row;
                d_own[at..at + row].iter_mut().zip(&d[past..]).for_each(|(sum, d)| *sum += d);
            }
        }
        let tensor =
            |values: Vec<f32>, like: &Tensor| Tensor::from_vec(values, like.shape(), like.device());
        Ok((
            Some(tensor(d_queries, queries)?),
            if fixed { None } else { Some(tensor(d_shared, shared)?) },
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

    /// Every switch at once, held against finite differences.
    #[test]
    fn gradients_of_every_form_are_slopes() {
        let form = Form {
            scale: 0.7,
            window: Some(4),
            softcap: Some(0.9),
            sinks: Some(vec![0.3, -0.2, 0.1, 0.0]),
            shared_is_fixed: true,
        };
        let q = filled(&[2, 4, 5, 16], 1);
        let shared = filled(&[2, 2, 3, 16], 2);
        let own = filled(&[2, 2, 2, 5, 16], 3);
        let weight = filled(&[2, 4, 5, 16], 4);
        let value = |q: &Tensor, own: &Tensor| {
            let out = attend_as(form.clone(), q, &shared, own).unwrap();
            (out * weight.as_tensor()).unwrap().sum_all().unwrap()
        };
        let store = value(&q, &own).backward().unwrap();
        assert!(store.get(&shared).is_none());
        let step = 1e-2f32;
        for which in 0..2 {
            let var = if which == 0 { &q } else { &own };
            let gradient: Vec<f32> =
                store.get(var).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            let values: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
            for at in (0..values.len()).step_by(29) {
                let moved = |by: f32| {
                    let mut values = values.clone();
                    values[at] += by;
                    let moved = Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap();
                    let out = if which == 0 { value(&moved, &own) } else { value(&q, &moved) };
                    out.to_scalar::<f32>().unwrap()
                };
                let slope = (moved(step) - moved(-step)) / (2.0 * step);
                assert!((slope - gradient[at]).abs() < 2e-3, "{slope} {}", gradient[at]);
            }
        }
    }
}
