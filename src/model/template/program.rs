//! A template as instructions for the engine, in which every value that is made and every value that is looked at
//! as a whole passes `weight.rs`. Knows nothing about what templates say.

use std::collections::BTreeMap;

use minijinja::machinery::{self, CodeGenerator, Instruction, Instructions};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, Value};

use super::folding;
use super::weight::name;

/// The code of a template and of its blocks. It is not a template of the environment: none can include it, or
/// itself, in the form that the engine would make of it.
pub(super) struct Program {
    main: Instructions<'static>,
    blocks: BTreeMap<&'static str, Instructions<'static>>,
    size: usize,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").finish_non_exhaustive()
    }
}

impl Program {
    /// Compiles a template. The code refers to the text, which therefore lives as long as the process: there are
    /// as many as there are models.
    pub(super) fn new(
        file: &'static str,
        source: &'static str,
        syntax: SyntaxConfig,
    ) -> Result<Self, Error> {
        let template = machinery::parse(source, file, syntax)?;
        folding::check(&template)?;
        let mut generator = CodeGenerator::new(file, source);
        generator.compile_stmt(&template);
        let size = generator.buffer_size_hint();
        let (main, blocks) = generator.finish();
        let blocks = blocks.iter().map(|(name, code)| (*name, weighed(code))).collect();
        Ok(Self { main: weighed(&main), blocks, size })
    }

    /// The text that the template makes of a context.
    pub(super) fn render(
        &self,
        environment: &Environment<'_>,
        context: Value,
    ) -> Result<String, Error> {
        let mut text = String::with_capacity(self.size);
        let mut out = machinery::make_string_output(&mut text);
        let escape = AutoEscape::None;
        machinery::eval(environment, &self.main, context, &self.blocks, &mut out, escape)?;
        drop(out);
        Ok(text)
    }
}

/// No cached place for a filter or a test.
const UNCACHED: u8 = !0;

/// The same code with the calls that weigh.
fn weighed(plain: &Instructions<'static>) -> Instructions<'static> {
    let mut code = Code { out: Instructions::new(plain.name(), plain.source()), at: 0 };
    // Where each instruction begins now, and which of the new ones jump to an old place.
    let (mut places, mut jumps) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(instruction) = plain.get(at) {
        places.push(code.at);
        let place = (plain.get_span(at), plain.get_line(at));
        let mut add = |instruction| code.add(instruction, place);
        match instruction.clone() {
            made @ (Instruction::BuildMap(_)
            | Instruction::BuildList(_)
            | Instruction::BuildTuple(_)
            | Instruction::Add
            | Instruction::Mul
            | Instruction::Slice
            | Instruction::CallFunction(..)
            | Instruction::CallObject(_)) => {
                add(made);
                add(Instruction::DupTop);
                let test = add(Instruction::PerformTest(name::UNSETTLED, Some(1), UNCACHED));
                add(Instruction::JumpIfFalse(test + 3));
                add(Instruction::ApplyFilter(name::KEPT, Some(1), UNCACHED));
            }
            Instruction::ApplyFilter(filter, count, _) => {
                let count = with_name(&mut add, filter, count);
                add(Instruction::ApplyFilter(name::FILTER, count, UNCACHED));
            }
            Instruction::CallMethod(method, count) => {
                let count = with_name(&mut add, method, count);
                add(Instruction::ApplyFilter(name::METHOD, count, UNCACHED));
            }
            Instruction::PerformTest(test, count, _) => {
                let count = with_name(&mut add, test, count);
                add(Instruction::PerformTest(name::TEST, count, UNCACHED));
            }
            Instruction::Eq => compare(&mut add, 0),
            Instruction::Ne => compare(&mut add, 1),
            Instruction::Lt => compare(&mut add, 2),
            Instruction::Lte => compare(&mut add, 3),
            Instruction::Gt => compare(&mut add, 4),
            Instruction::Gte => compare(&mut add, 5),
            looks @ (Instruction::In
            | Instruction::CompareAndPreserve(_)
            | Instruction::GetItem
            | Instruction::Emit) => {
                top(&mut add, name::PAID);
                add(looks);
            }
            Instruction::StringConcat => {
                top(&mut add, name::PAID);
                second(&mut add, name::PAID);
                add(Instruction::StringConcat);
            }
            set @ Instruction::SetAttr(_) => {
                second(&mut add, name::STORED);
                add(set);
            }
            jump @ (Instruction::Iterate(_)
            | Instruction::Jump(_)
            | Instruction::JumpIfFalse(_)
            | Instruction::JumpIfFalseOrPop(_)
            | Instruction::JumpIfTrueOrPop(_)
            | Instruction::BuildMacro(..)) => jumps.push(add(jump)),
            other => {
                add(other);
            }
        }
        at += 1;
    }
    places.push(code.at);
    for jump in jumps {
        if let Some(
            Instruction::Iterate(target)
            | Instruction::Jump(target)
            | Instruction::JumpIfFalse(target)
            | Instruction::JumpIfFalseOrPop(target)
            | Instruction::JumpIfTrueOrPop(target)
            | Instruction::BuildMacro(_, target, _),
        ) = code.out.get_mut(jump)
            && let Some(place) = places.get(*target as usize)
        {
            *target = *place;
        }
    }
    code.out
}

type Place = (Option<machinery::Span>, Option<usize>);

struct Code {
    out: Instructions<'static>,
    /// Number of instructions.
    at: u32,
}

impl Code {
    /// Adds an instruction, and gives its place.
    fn add(&mut self, instruction: Instruction<'static>, place: Place) -> u32 {
        self.at += 1;
        match place {
            (Some(span), _) => self.out.add_with_span(instruction, span),
            (None, Some(line)) => {
                self.out.add_with_line(instruction, u16::try_from(line).unwrap_or(u16::MAX))
            }
            (None, None) => self.out.add(instruction),
        }
    }
}

/// Performs a test of the value on top of the stack, and leaves it there.
fn top(add: &mut impl FnMut(Instruction<'static>) -> u32, test: &'static str) {
    add(Instruction::DupTop);
    add(Instruction::PerformTest(test, Some(1), UNCACHED));
    add(Instruction::DiscardTop);
}

/// The same of the value below it.
fn second(add: &mut impl FnMut(Instruction<'static>) -> u32, test: &'static str) {
    add(Instruction::Swap);
    top(add, test);
    add(Instruction::Swap);
}

fn compare(add: &mut impl FnMut(Instruction<'static>) -> u32, which: usize) {
    add(Instruction::PerformTest(name::COMPARE[which], Some(2), UNCACHED));
}

/// Puts a name behind the arguments; gives their number, which may stand on the stack.
fn with_name(
    add: &mut impl FnMut(Instruction<'static>) -> u32,
    name: &str,
    count: Option<u16>,
) -> Option<u16> {
    // As the engine reads it: `is not in` and the like may be written with more space.
    let name: String = name.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    add(Instruction::LoadConst(Value::from(name)));
    if count.is_none() {
        add(Instruction::Swap);
        add(Instruction::LoadConst(Value::from(1)));
        add(Instruction::Add);
    }
    count.map(|count| count.saturating_add(1))
}
