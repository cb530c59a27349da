//! The one place through which this decoder calls candle: tensors that count what is asked of the device for them.
//! Every method is candle's of the same name. Knows nothing about what is computed.
//!
//! Counted is what a GPU would be asked for: views of what lies in memory are free, an operation is one launch, a
//! concatenation one for each of its parts, a product with weights in blocks two, since it rounds its rows first.

use std::borrow::Borrow;
use std::cell::Cell;
use std::ops::{Add, Div, Mul, Sub};

use candle_core::quantized::QTensor;
use candle_core::shape::{Dim, Dims, ShapeWithOneHole};
use candle_core::{DType, Device, NdArray, Result, Shape, WithDType};
use candle_nn::rotary_emb;

type Inner = candle_core::Tensor;

/// What the tensor decoders of this thread have asked of their devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Operations issued, each of which a GPU starts on its own.
    pub launches: u64,
    /// Bytes that these read and wrote.
    pub bytes: u64,
    /// Tensors copied from the host to the device.
    pub uploads: u64,
    /// Tensors copied from the device to the host, each of which waits for all that was issued before.
    pub downloads: u64,
}

thread_local! {
    static WORK: Cell<Work> = const { Cell::new(Work { launches: 0, bytes: 0, uploads: 0, downloads: 0 }) };
}

impl Work {
    /// All that was asked for so far.
    pub fn so_far() -> Self {
        WORK.get()
    }

    /// What was asked for since `earlier`.
    pub fn since(earlier: Self) -> Self {
        let now = Self::so_far();
        Self {
            launches: now.launches - earlier.launches,
            bytes: now.bytes - earlier.bytes,
            uploads: now.uploads - earlier.uploads,
            downloads: now.downloads - earlier.downloads,
        }
    }

    fn add(change: impl FnOnce(&mut Self)) {
        let mut work = WORK.get();
        change(&mut work);
        WORK.set(work);
    }
}

/// Bytes of the elements that a view shows, those that it repeats counted once.
fn bytes(tensor: &Inner) -> u64 {
    let layout = tensor.layout();
    let shown = layout.dims().iter().zip(layout.stride()).filter(|(_, stride)| **stride != 0);
    let elements: usize = shown.map(|(dim, _)| dim).product();
    (elements * tensor.dtype().size_in_bytes()) as u64
}

/// Notes operations that read `read` and made `made`.
fn launched(launches: u64, read: &[&Inner], made: Result<Inner>) -> Result<Tensor> {
    let made = made?;
    Work::add(|work| {
        work.launches += launches;
        work.bytes += read.iter().map(|tensor| bytes(tensor)).sum::<u64>() + bytes(&made);
    });
    Ok(Tensor(made))
}

/// A tensor on a device; clones and views share its memory.
#[derive(Clone)]
pub(super) struct Tensor(Inner);

impl From<Inner> for Tensor {
    fn from(inner: Inner) -> Self {
        Self(inner)
    }
}

/// What is there and costs nothing.
impl Tensor {
    pub(super) fn dim<D: Dim>(&self, dim: D) -> Result<usize> {
        self.0.dim(dim)
    }

    pub(super) fn dims4(&self) -> Result<(usize, usize, usize, usize)> {
        self.0.dims4()
    }

    pub(super) fn shape(&self) -> &Shape {
        self.0.shape()
    }

    pub(super) fn rank(&self) -> usize {
        self.0.rank()
    }

    pub(super) fn dtype(&self) -> DType {
        self.0.dtype()
    }

    pub(super) fn device(&self) -> &Device {
        self.0.device()
    }

    pub(super) fn elem_count(&self) -> usize {
        self.0.elem_count()
    }

    pub(super) fn narrow<D: Dim>(&self, dim: D, start: usize, len: usize) -> Result<Self> {
        self.0.narrow(dim, start, len).map(Self)
    }

    pub(super) fn get(&self, index: usize) -> Result<Self> {
        self.0.narrow(0, index, 1)?.squeeze(0).map(Self)
    }

    pub(super) fn squeeze<D: Dim>(&self, dim: D) -> Result<Self> {
        self.0.squeeze(dim).map(Self)
    }

    pub(super) fn unsqueeze<D: Dim>(&self, dim: D) -> Result<Self> {
        self.0.unsqueeze(dim).map(Self)
    }

    pub(super) fn t(&self) -> Result<Self> {
        self.0.t().map(Self)
    }

    pub(super) fn transpose<D1: Dim, D2: Dim>(&self, a: D1, b: D2) -> Result<Self> {
        self.0.transpose(a, b).map(Self)
    }

    pub(super) fn broadcast_as<S: Into<Shape>>(&self, shape: S) -> Result<Self> {
        self.0.broadcast_as(shape).map(Self)
    }
}

/// What is one operation, or none where nothing has to be done.
macro_rules! operations {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {
        impl Tensor {
            $(pub(super) fn $name(&self, $($argument: $kind),*) -> Result<Self> {
                launched(1, &[&self.0], self.0.$name($($argument),*))
            })*
        }
    };
}
operations! {
    exp(); log(); neg(); abs(); sqr(); relu(); tanh(); gelu(); gelu_erf(); copy(); zeros_like();
    affine(mul: f64, add: f64);
}

/// The same of two tensors.
macro_rules! of_two {
    ($($name:ident)*) => {
        impl Tensor {
            $(pub(super) fn $name(&self, other: &Self) -> Result<Self> {
                launched(1, &[&self.0, &other.0], self.0.$name(&other.0))
            })*
        }
    };
}
of_two! {
    matmul broadcast_add broadcast_sub broadcast_mul broadcast_ge broadcast_lt
}

/// The same of a tensor and a number, which candle brings to the device.
macro_rules! with_number {
    ($($name:ident: $kind:ty;)*) => {
        impl Tensor {
            $(pub(super) fn $name(&self, number: $kind) -> Result<Self> {
                Work::add(|work| work.uploads += 1);
                launched(1, &[&self.0], self.0.$name(number))
            })*
        }
    };
}
with_number! { gt: f32; ne: f32; minimum: f64; maximum: f64; }

impl Tensor {
    pub(super) fn clamp(&self, low: f64, high: f64) -> Result<Self> {
        self.maximum(low)?.minimum(high)
    }

    pub(super) fn to_dtype(&self, dtype: DType) -> Result<Self> {
        let launches = u64::from(self.dtype() != dtype);
        self.moved(launches, self.0.to_dtype(dtype))
    }

    pub(super) fn contiguous(&self) -> Result<Self> {
        let launches = u64::from(!self.0.is_contiguous());
        self.moved(launches, self.0.contiguous())
    }

    pub(super) fn reshape<S: ShapeWithOneHole>(&self, shape: S) -> Result<Self> {
        let launches = u64::from(!self.0.is_contiguous());
        self.moved(launches, self.0.reshape(shape))
    }

    /// A copy, if it took one.
    fn moved(&self, launches: u64, made: Result<Inner>) -> Result<Self> {
        match launches {
            0 => made.map(Self),
            launches => launched(launches, &[&self.0], made),
        }
    }

    pub(super) fn flatten_all(&self) -> Result<Self> {
        self.reshape(self.elem_count())
    }

    pub(super) fn sum<D: Dims>(&self, dims: D) -> Result<Self> {
        launched(1, &[&self.0], self.0.sum(dims))
    }

    pub(super) fn sum_keepdim<D: Dims>(&self, dims: D) -> Result<Self> {
        launched(1, &[&self.0], self.0.sum_keepdim(dims))
    }

    pub(super) fn where_cond(&self, yes: &Self, no: &Self) -> Result<Self> {
        launched(1, &[&self.0, &yes.0, &no.0], self.0.where_cond(&yes.0, &no.0))
    }

    pub(super) fn index_select<D: Dim>(&self, numbers: &Self, dim: D) -> Result<Self> {
        let made = self.0.index_select(&numbers.0, dim)?;
        // What is selected is read, not the whole.
        launched(1, &[&numbers.0, &made], Ok(made.clone()))
    }

    pub(super) fn index_add<D: Dim>(&self, at: &Self, source: &Self, dim: D) -> Result<Self> {
        launched(2, &[&self.0, &at.0, &source.0], self.0.index_add(&at.0, &source.0, dim))
    }

    pub(super) fn slice_set<D: Dim>(&self, source: &Self, dim: D, offset: usize) -> Result<()> {
        self.0.slice_set(&source.0, dim, offset)?;
        launched(1, &[&source.0], Ok(source.0.clone())).map(|_| ())
    }

    pub(super) fn scatter_set<D: Dim>(&self, at: &Self, source: &Self, dim: D) -> Result<()> {
        self.0.scatter_set(&at.0, &source.0, dim)?;
        launched(1, &[&at.0, &source.0], Ok(source.0.clone())).map(|_| ())
    }

    pub(super) fn cat<T: Borrow<Self>, D: Dim>(parts: &[T], dim: D) -> Result<Self> {
        let parts: Vec<&Inner> = parts.iter().map(|part| &part.borrow().0).collect();
        match parts[..] {
            [only] => Ok(Self(only.clone())),
            _ => launched(parts.len() as u64, &parts, Inner::cat(&parts, dim)),
        }
    }

    /// The product with the transpose of weights in blocks; f32.
    pub(super) fn times_blocks(&self, weights: &QTensor) -> Result<Self> {
        Work::add(|work| work.bytes += weights.storage_size_in_bytes() as u64);
        launched(2, &[&self.0], self.0.apply_op1_no_bwd(weights))
    }

    /// Rows of weights in blocks, by number.
    pub(super) fn rows_of_blocks(weights: &QTensor, numbers: &Self) -> Result<Self> {
        launched(1, &[&numbers.0], weights.embedding(&numbers.0))
    }
}

/// Between host and device.
impl Tensor {
    pub(super) fn new<A: NdArray>(values: A, device: &Device) -> Result<Self> {
        Self::uploaded(Inner::new(values, device))
    }

    pub(super) fn from_vec<S: ShapeWithOneHole, D: WithDType>(
        values: Vec<D>,
        shape: S,
        device: &Device,
    ) -> Result<Self> {
        Self::uploaded(Inner::from_vec(values, shape, device))
    }

    pub(super) fn from_slice<S: ShapeWithOneHole, D: WithDType>(
        values: &[D],
        shape: S,
        device: &Device,
    ) -> Result<Self> {
        Self::uploaded(Inner::from_slice(values, shape, device))
    }

    pub(super) fn arange(start: f32, end: f32, device: &Device) -> Result<Self> {
        Self::uploaded(Inner::arange(start, end, device))
    }

    pub(super) fn zeros<S: Into<Shape>>(shape: S, dtype: DType, device: &Device) -> Result<Self> {
        launched(1, &[], Inner::zeros(shape, dtype, device))
    }

    pub(super) fn to_device(&self, device: &Device) -> Result<Self> {
        Self::uploaded(self.0.to_device(device))
    }

    fn uploaded(made: Result<Inner>) -> Result<Self> {
        let made = made?;
        Work::add(|work| {
            work.uploads += 1;
            work.bytes += bytes(&made);
        });
        Ok(Self(made))
    }

    fn downloaded(&self) -> &Inner {
        Work::add(|work| {
            work.downloads += 1;
            work.bytes += bytes(&self.0);
        });
        &self.0
    }

    pub(super) fn to_vec1<T: WithDType>(&self) -> Result<Vec<T>> {
        self.downloaded().to_vec1()
    }

    pub(super) fn to_vec2<T: WithDType>(&self) -> Result<Vec<Vec<T>>> {
        self.downloaded().to_vec2()
    }
}

pub(super) fn silu(x: &Tensor) -> Result<Tensor> {
    launched(1, &[&x.0], candle_nn::ops::silu(&x.0))
}

pub(super) fn sigmoid(x: &Tensor) -> Result<Tensor> {
    launched(1, &[&x.0], candle_nn::ops::sigmoid(&x.0))
}

pub(super) fn softmax_last_dim(x: &Tensor) -> Result<Tensor> {
    launched(1, &[&x.0], candle_nn::ops::softmax_last_dim(&x.0))
}

pub(super) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f32) -> Result<Tensor> {
    launched(1, &[&x.0, &weight.0], candle_nn::ops::rms_norm(&x.0, &weight.0, eps))
}

pub(super) fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f32) -> Result<Tensor> {
    let made = candle_nn::ops::layer_norm(&x.0, &weight.0, &bias.0, eps);
    launched(1, &[&x.0, &weight.0, &bias.0], made)
}

pub(super) fn rope(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    launched(1, &[&x.0, &cos.0, &sin.0], rotary_emb::rope(&x.0, &cos.0, &sin.0))
}

macro_rules! operators {
    ($($kind:ident $name:ident;)*) => {$(
        impl<T: Borrow<Tensor>> $kind<T> for &Tensor {
            type Output = Result<Tensor>;
            fn $name(self, other: T) -> Result<Tensor> {
                let other = &other.borrow().0;
                launched(1, &[&self.0, other], $kind::$name(&self.0, other))
            }
        }
        impl<T: Borrow<Tensor>> $kind<T> for Tensor {
            type Output = Result<Tensor>;
            fn $name(self, other: T) -> Result<Tensor> {
                (&self).$name(other)
            }
        }
        impl $kind<f64> for &Tensor {
            type Output = Result<Tensor>;
            fn $name(self, number: f64) -> Result<Tensor> {
                launched(1, &[&self.0], $kind::$name(&self.0, number))
            }
        }
        impl $kind<f64> for Tensor {
            type Output = Result<Tensor>;
            fn $name(self, number: f64) -> Result<Tensor> {
                (&self).$name(number)
            }
        }
    )*};
}
operators! { Add add; Sub sub; Mul mul; Div div; }
