//! Which tensors of a checkpoint are codes, scales and what else belongs to one matrix: they become one entry under
//! the name that the dense matrix would have. Knows nothing about numbers.

use std::collections::BTreeMap;

use super::matrix::{Code, Coded, Form, Global, Grid, Zeros};
use super::normal::Normal;
use super::raw::Raw;
use super::scheme::Scheme;
use crate::error::{Error, Result};
use crate::model::bytes::Bytes;
use crate::model::weights::Entry;

/// What only the format's own kernels need: scales of activations, of keys and of values.
const AT_RUN_TIME: [&str; 11] = [
    ".input_scale",
    ".input_scale_ub",
    ".activation_scale",
    ".input_global_scale",
    ".input_zero_point",
    ".k_scale",
    ".v_scale",
    ".q_scale",
    ".kv_scale",
    ".output_scale",
    ".prob_output_scale",
];

/// bitsandbytes' factor between a row's largest number and its codes: 1 / 127 in f32.
const BNB_INT8: f32 = 7.874_016e-3;

type Entries = BTreeMap<String, Entry>;

/// Puts the tensors of each coded matrix together.
///
/// # Errors
/// A part of a matrix is missing or has a shape or type that does not fit.
pub(in crate::model) fn gather(entries: &mut Entries, scheme: &Scheme) -> Result<()> {
    let names: Vec<String> = entries.keys().cloned().collect();
    let mut any = false;
    for name in names {
        let mut found = Found { entries, name: &name, taken: Vec::new() };
        let Some((to, coded)) = found.coded(scheme)? else { continue };
        let taken = found.taken;
        let Some(codes) = entries.remove(&name) else { continue };
        taken.iter().for_each(|part| drop(entries.remove(part)));
        any = true;
        let entry =
            Entry { dtype: Ok(coded.dtype()), shape: coded.shape(), coded: Some(coded), ..codes };
        if entries.insert(to.clone(), entry).is_some() {
            return Err(Error::input(format!(
                "tensor `{to}` is stored twice, dense and as codes (`{name}`)"
            )));
        }
    }
    if any {
        entries.retain(|name, _| !AT_RUN_TIME.iter().any(|end| name.ends_with(end)));
    }
    Ok(())
}

/// The tensors around one that may hold codes.
struct Found<'a> {
    entries: &'a Entries,
    name: &'a str,
    /// Names of the other tensors that belong to it.
    taken: Vec<String>,
}

impl Found<'_> {
    /// The matrix that this tensor's codes are of, and its name; none if it holds no codes.
    fn coded(&mut self, scheme: &Scheme) -> Result<Option<(String, Coded)>> {
        let Some(codes) = self.raw(self.name) else { return Ok(None) };
        let name = self.name;
        if let Some(base) = name.strip_suffix("_blocks").filter(|_| codes.is(&["U8"])) {
            return Ok(Some((base.to_owned(), self.microscaled(codes, base, scheme)?)));
        }
        if let Some(base) = name.strip_suffix(".weight_packed") {
            return Ok(Some((format!("{base}.weight"), self.packed(codes, base, scheme)?)));
        }
        if let Some(base) = name.strip_suffix(".qweight").filter(|_| codes.is(&["I32"])) {
            return Ok(Some((
                format!("{base}.weight"),
                self.groups_of_inputs(codes, base, scheme)?,
            )));
        }
        if codes.is(&["F8_E4M3", "F8_E5M2"]) {
            // A scale of another matrix is no matrix itself.
            let is_scale =
                ["_scale", "_scales", "_scale_inv", ".scale"].iter().any(|end| name.ends_with(end));
            return if is_scale {
                Ok(None)
            } else {
                Ok(Some((name.to_owned(), self.float8(codes, scheme)?)))
            };
        }
        let Some(base) = name.strip_suffix(".weight") else { return Ok(None) };
        if codes.is(&["I8"]) {
            return Ok(Some((name.to_owned(), self.int8(codes, base, scheme)?)));
        }
        if codes.is(&["U8"]) {
            return Ok(Some((name.to_owned(), self.four_bits(codes, base, scheme)?)));
        }
        Ok(None)
    }

    fn raw(&self, name: &str) -> Option<Raw> {
        let entry = self.entries.get(name).filter(|entry| entry.coded.is_none())?;
        let dtype = entry.dtype.as_ref().map_or_else(Clone::clone, |dtype| format!("{dtype:?}"));
        Some(Raw {
            place: format!("tensor `{name}` in `{}`", entry.file),
            bytes: entry.bytes.clone(),
            range: entry.range.clone(),
            dtype,
            shape: entry.shape.clone(),
        })
    }

    /// A tensor beside the codes, which belongs to them from now on.
    fn take(&mut self, name: String) -> Option<Raw> {
        let raw = self.raw(&name)?;
        self.taken.push(name);
        Some(raw)
    }

    fn must(&mut self, name: String) -> Result<Raw> {
        self.take(name.clone()).ok_or_else(|| {
            Error::input(format!(
                "tensor `{name}` is missing, without which `{}` cannot be read",
                self.name
            ))
            .hint("download the model again, or use its original weights")
        })
    }

    /// MXFP4 of gpt-oss: [experts, outputs, blocks, 16] bytes of two codes each.
    fn microscaled(&mut self, codes: Raw, base: &str, scheme: &Scheme) -> Result<Coded> {
        let scales = self.must(format!("{base}_scales"))?;
        let &[slices, rows, blocks, 16] = &codes.shape[..] else {
            return Err(codes.unexpected("MXFP4"));
        };
        if scales.shape != [slices, rows, blocks] || !scales.is(&["U8", "F8_E8M0"]) {
            return Err(scales.unexpected("the scales of MXFP4"));
        }
        let grid = Grid { block: (1, 32), ..plain(codes, Code::E2m1, scales) };
        let coded = matrix(Some(slices), rows, blocks * 32, scheme, grid, "MXFP4");
        Ok(Coded { turned: true, ..coded })
    }

    /// compressed-tensors: a stream of whole numbers, or pairs of E2M1.
    fn packed(&mut self, codes: Raw, base: &str, scheme: &Scheme) -> Result<Coded> {
        let at = |end: &str| format!("{base}.{end}");
        let scales = self.must(at("weight_scale"))?;
        let &[rows, width] = &codes.shape[..] else { return Err(codes.unexpected("packed codes")) };
        if codes.is(&["U8"]) {
            let columns = 2 * width;
            let groups = scales.shape.last().copied().unwrap_or(0);
            let group =
                even(columns, groups).ok_or_else(|| scales.unexpected("the scales of E2M1"))?;
            let global = self.take(at("weight_global_scale"));
            // NVFP4 has E4M3 and one number for all, MXFP4 powers of two alone.
            let name = if global.is_some() { "NVFP4" } else { "MXFP4" };
            let grid = Grid {
                block: (1, group),
                global: global.map(|global| (global, Global::Divides)),
                ..plain(codes, Code::E2m1, scales)
            };
            return Ok(matrix(None, rows, columns, scheme, grid, name));
        }
        let shape = self.must(at("weight_shape"))?.whole()?;
        let columns = match shape[..] {
            [r, c] if r == rows as i64 => usize::try_from(c).unwrap_or(0),
            _ => 0,
        };
        let fits = |bits: &usize| (columns * bits).div_ceil(32) == width;
        let bits = Some(scheme.bits).filter(fits).or_else(|| (1..=8).find(fits));
        let (Some(bits), true) = (bits.filter(|_| columns > 0), codes.is(&["I32"])) else {
            return Err(codes.unexpected("packed codes"));
        };
        let zeros = match self.take(at("weight_zero_point")) {
            Some(zeros) if zeros.is(&["I32"]) => Zeros::Packed(zeros),
            Some(zeros) => Zeros::Plain(zeros),
            None => Zeros::None,
        };
        let order = self.take(at("weight_g_idx"));
        let groups = scales.count() / rows.max(1);
        let block = match (scales.count(), even(columns, groups)) {
            (1, _) => (rows, columns),
            (_, Some(group)) => (1, group),
            _ => return Err(scales.unexpected("the scales of packed codes")),
        };
        let grid = Grid { block, zeros, order, ..plain(codes, Code::Packed { bits }, scales) };
        Ok(matrix(None, rows, columns, scheme, grid, "packed integers"))
    }

    /// GPTQ and AWQ: groups of inputs, outputs side by side.
    fn groups_of_inputs(&mut self, codes: Raw, base: &str, scheme: &Scheme) -> Result<Coded> {
        let at = |end: &str| format!("{base}.{end}");
        let (scales, zeros) = (self.must(at("scales"))?, self.must(at("qzeros"))?);
        let (&[a, b], &[groups, rows]) = (&codes.shape[..], &scales.shape[..]) else {
            return Err(codes.unexpected("groups of inputs"));
        };
        if zeros.shape.first() != Some(&groups) || groups == 0 || rows == 0 {
            return Err(zeros.unexpected("the zero points of groups of inputs"));
        }
        if b == rows {
            // The width of the zero points tells the bits of a code.
            let words = zeros.shape.get(1).copied().unwrap_or(0);
            let fits = |bits: &usize| (rows * bits).div_ceil(32) == words;
            let bits =
                Some(scheme.bits).filter(fits).or_else(|| [4, 8, 2, 3].into_iter().find(fits));
            let bits = bits.unwrap_or(0);
            let order = self.take(at("g_idx"));
            let columns = a * 32 / bits.max(1);
            if ![2, 3, 4, 8].contains(&bits)
                || !(a * 32).is_multiple_of(bits)
                || !zeros.is(&["I32"])
            {
                return Err(codes.unexpected("GPTQ"));
            }
            let group = columns.div_ceil(groups);
            let more = if scheme.zeros_less_one { 1.0 } else { 0.0 };
            let grid = Grid {
                block: (1, group),
                scales_turned: true,
                zeros: Zeros::Gptq(zeros, more),
                order: order.filter(|order| order.count() == columns),
                ..plain(codes, Code::Gptq { bits }, scales)
            };
            return Ok(matrix(None, rows, columns, scheme, grid, "GPTQ"));
        }
        let columns = a;
        let group =
            even(columns, groups).filter(|_| b * 8 == rows && zeros.shape.get(1) == Some(&b));
        let Some(group) = group.filter(|_| zeros.is(&["I32"])) else {
            return Err(codes.unexpected("AWQ"));
        };
        let grid = Grid {
            block: (1, group),
            scales_turned: true,
            zeros: Zeros::Awq(zeros),
            ..plain(codes, Code::Awq, scales)
        };
        Ok(matrix(None, rows, columns, scheme, grid, "AWQ"))
    }

    /// FP8 with one scale for all, for each row, or for each block; without any the codes are the numbers.
    fn float8(&mut self, codes: Raw, scheme: &Scheme) -> Result<Coded> {
        let (slices, rows, columns) = match codes.shape[..] {
            [rows, columns] => (None, rows, columns),
            [slices, rows, columns] => (Some(slices), rows, columns),
            _ => return Err(codes.unexpected("FP8")),
        };
        let code = if codes.is(&["F8_E4M3"]) { Code::E4m3 } else { Code::E5m2 };
        let base = self.name.strip_suffix(".weight").unwrap_or(self.name).to_owned();
        let names = [
            format!("{}_scale_inv", self.name),
            format!("{}_scale", self.name),
            format!("{base}.scale"),
            format!("{base}.qscale_weight"),
        ];
        let scales = names.into_iter().find_map(|name| self.take(name));
        let scales = scales.unwrap_or_else(|| one(slices.unwrap_or(1)));
        let of_each = scales.count() / slices.unwrap_or(1).max(1);
        // The last two dimensions are the grid.
        let dims = &scales.shape;
        let (down, along) = match dims[..] {
            _ if of_each == 1 => (1, 1),
            [.., down, along] if down * along == of_each => (down, along),
            _ if of_each == rows => (rows, 1),
            _ => return Err(scales.unexpected("the scales of FP8")),
        };
        let given = scheme
            .block
            .filter(|(r, c)| rows.div_ceil(*r) == down && columns.div_ceil(*c) == along);
        let block = match (given, even(rows, down), even(columns, along)) {
            (Some(block), ..) => block,
            (None, Some(r), Some(c)) => (r, c),
            _ => return Err(scales.unexpected("the scales of FP8")),
        };
        let name = if code == Code::E4m3 { "FP8 E4M3" } else { "FP8 E5M2" };
        let grid = Grid { block, ..plain(codes, code, scales) };
        Ok(matrix(slices, rows, columns, scheme, grid, name))
    }

    /// bitsandbytes' int8, or that of compressed-tensors.
    fn int8(&mut self, codes: Raw, base: &str, scheme: &Scheme) -> Result<Coded> {
        let &[rows, columns] = &codes.shape[..] else { return Err(codes.unexpected("int8")) };
        if let Some(scales) = self.take(format!("{base}.SCB")) {
            if let Some(format) = self.take(format!("{base}.weight_format"))
                && format.whole()?.iter().any(|&form| form != 0)
            {
                return Err(format.unexpected("the order of int8 rows"));
            }
            if scales.count() != rows {
                return Err(scales.unexpected("the scales of int8"));
            }
            let grid =
                Grid { block: (1, columns), constant: BNB_INT8, ..plain(codes, Code::I8, scales) };
            return Ok(matrix(None, rows, columns, scheme, grid, "int8 (bitsandbytes)"));
        }
        let scales = self.must(format!("{base}.weight_scale"))?;
        let zeros = match self.take(format!("{base}.weight_zero_point")) {
            Some(zeros) => Zeros::Plain(zeros),
            None => Zeros::None,
        };
        let groups = scales.count() / rows.max(1);
        let block = match (scales.count(), even(columns, groups)) {
            (1, _) => (rows, columns),
            (_, Some(group)) => (1, group),
            _ => return Err(scales.unexpected("the scales of int8")),
        };
        let grid = Grid { block, zeros, ..plain(codes, Code::I8, scales) };
        Ok(matrix(None, rows, columns, scheme, grid, "int8"))
    }

    /// bitsandbytes' four bits, or modelopt's NVFP4.
    fn four_bits(&mut self, codes: Raw, base: &str, scheme: &Scheme) -> Result<Coded> {
        let at = |end: &str| format!("{base}.weight.{end}");
        let states = ["quant_state.bitsandbytes__nf4", "quant_state.bitsandbytes__fp4"];
        if let Some(state) = states.into_iter().find_map(|end| self.take(at(end))) {
            let normal = Normal::new(codes, &state, |end| self.take(at(end)))?;
            let [rows, columns] = normal.shape;
            return Ok(Coded {
                slices: None,
                rows,
                columns,
                turned: false,
                dtype: scheme.dtype,
                form: Form::Normal(Box::new(normal)),
                name: "4 bits (bitsandbytes)",
            });
        }
        let scales = self.must(format!("{base}.weight_scale"))?;
        let global = self.must(format!("{base}.weight_scale_2"))?;
        let &[rows, width] = &codes.shape[..] else { return Err(codes.unexpected("NVFP4")) };
        let groups = scales.shape.last().copied().unwrap_or(0);
        let group = even(2 * width, groups).filter(|_| scales.shape.first() == Some(&rows));
        let group = group.ok_or_else(|| scales.unexpected("the scales of NVFP4"))?;
        let grid = Grid {
            block: (1, group),
            global: Some((global, Global::Multiplies)),
            ..plain(codes, Code::E2m1, scales)
        };
        Ok(matrix(None, rows, 2 * width, scheme, grid, "NVFP4"))
    }
}

fn plain(codes: Raw, code: Code, scales: Raw) -> Grid {
    Grid {
        codes,
        code,
        scales,
        scales_turned: false,
        block: (1, 1),
        zeros: Zeros::None,
        order: None,
        global: None,
        constant: 1.0,
    }
}

fn matrix(
    slices: Option<usize>,
    rows: usize,
    columns: usize,
    scheme: &Scheme,
    grid: Grid,
    name: &'static str,
) -> Coded {
    let form = Form::Grid(Box::new(grid));
    Coded { slices, rows, columns, turned: false, dtype: scheme.dtype, form, name }
}

/// `all` over `parts`, if that is a whole number above 0.
fn even(all: usize, parts: usize) -> Option<usize> {
    (parts > 0 && all > 0 && all.is_multiple_of(parts)).then(|| all / parts)
}

/// Scales of 1.
fn one(count: usize) -> Raw {
    let bytes: Vec<u8> = std::iter::repeat_n(1f32.to_le_bytes(), count).flatten().collect();
    Raw {
        place: "a scale of 1".to_owned(),
        range: 0..bytes.len(),
        bytes: Bytes::Owned(bytes.into()),
        dtype: "F32".to_owned(),
        shape: vec![count],
    }
}
