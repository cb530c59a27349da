//! How large the values of a template may become. A list that holds another list twice takes a few bytes and yet
//! is printed, compared and sorted as if it were twice as long; sixty such steps are more than any machine prints.
//! So values are weighed as they would be printed, wherever they are made and wherever they are used. Knows
//! nothing about prompts.

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value};

/// What a value weighs beside its text.
const NODE: u64 = 16;

/// What a template may put together of its own.
const OWN: u64 = 256 << 10;

/// How many times it may put together all that it is given.
const COPIES: u64 = 8;

/// Deeper values are refused, as each level takes stack.
const DEPTH_MAX: usize = 128;

/// What is weighed for one unit of fuel.
const PER_FUEL: u64 = 1024;

/// Functions that a program calls beside those of its template. No template can name them: a name has no colon.
pub(super) mod name {
    /// Filter: the value, if it is not too large, without anything left to compute.
    pub(in crate::model::template) const KEPT: &str = "candor:kept";
    /// Filter: applies the filter that its last argument names.
    pub(in crate::model::template) const FILTER: &str = "candor:filter";
    /// Filter: calls the method that its last argument names.
    pub(in crate::model::template) const METHOD: &str = "candor:method";
    /// Test: whether [`KEPT`] would give another value; refuses what is too large.
    pub(in crate::model::template) const UNSETTLED: &str = "candor:unsettled";
    /// Test: pays for a value that is looked at as a whole.
    pub(in crate::model::template) const PAID: &str = "candor:paid";
    /// Test: refuses what must not be an attribute of a namespace.
    pub(in crate::model::template) const STORED: &str = "candor:stored";
    /// Test: performs the test that its last argument names.
    pub(in crate::model::template) const TEST: &str = "candor:test";
    /// Tests: the comparisons.
    pub(in crate::model::template) const COMPARE: [&str; 6] =
        ["candor:==", "candor:!=", "candor:<", "candor:<=", "candor:>", "candor:>="];
}

/// The heaviest value that a template may make which is given this context.
pub(super) fn limit(context: &Value) -> Result<u64, Error> {
    let given = weigh(context, u64::MAX)?;
    Ok(OWN.saturating_add(given.saturating_mul(COPIES)))
}

/// Gives an environment the functions of [`name`], for values of at most `limit`.
pub(super) fn install(environment: &mut Environment<'_>, limit: u64) {
    environment
        .add_filter(name::KEPT, move |state: &State, value: Value| kept(state, value, limit));
    environment.add_filter(name::FILTER, move |state: &mut State, args: Rest<ValueOrKwargs>| {
        let args = args.into_values();
        let (name, args) = named(&args)?;
        pay(state, args)?;
        if name == "format" {
            pay_for_places(state, &args[0], '%', &args[1..])?;
        }
        let made = state.apply_filter(name, args).map_err(|error| known(error, "filter", name))?;
        kept(state, made, limit)
    });
    environment.add_filter(name::METHOD, move |state: &mut State, args: Rest<ValueOrKwargs>| {
        let args = args.into_values();
        let (name, args) = named(&args)?;
        pay(state, args)?;
        if name == "format" {
            pay_for_places(state, &args[0], '{', &args[1..])?;
        }
        let made = args[0].call_method(state, name, &args[1..])?;
        kept(state, made, limit)
    });
    environment.add_test(name::UNSETTLED, move |state: &State, value: &Value| {
        let lazy = is_lazy(value);
        if !lazy {
            settled(state, value, limit)?;
        }
        Ok::<bool, Error>(lazy)
    });
    environment.add_test(name::PAID, |state: &State, value: &Value| {
        pay(state, std::slice::from_ref(value)).map(|()| true)
    });
    environment.add_test(name::STORED, |value: &Value| match is_live(value) {
        true => Err(live()),
        false => Ok(true),
    });
    environment.add_test(name::TEST, |state: &mut State, args: Rest<ValueOrKwargs>| {
        let args = args.into_values();
        let (name, args) = named(&args)?;
        pay(state, args)?;
        state.perform_test(name, args).map_err(|error| known(error, "test", name))
    });
    let [eq, ne, lt, le, gt, ge] = name::COMPARE;
    let mut compare = |name: &'static str, holds: fn(&Value, &Value) -> bool| {
        environment.add_test(name, move |state: &State, a: &Value, b: &Value| {
            pay(state, std::slice::from_ref(a))?;
            pay(state, std::slice::from_ref(b))?;
            Ok::<bool, Error>(holds(a, b))
        });
    };
    compare(eq, |a, b| a == b);
    compare(ne, |a, b| a != b);
    compare(lt, |a, b| a < b);
    compare(le, |a, b| a <= b);
    compare(gt, |a, b| a > b);
    compare(ge, |a, b| a >= b);
}

/// Splits what a function is given into its last argument, which is a name, and the others.
fn named(args: &[Value]) -> Result<(&str, &[Value]), Error> {
    let split = args.split_last().and_then(|(name, args)| Some((name.as_str()?, args)));
    split.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "a name is missing"))
}

/// Names what is unknown, which the engine does not where it is asked by another function.
fn known(error: Error, what: &str, name: &str) -> Error {
    match error.kind() {
        kind @ (ErrorKind::UnknownFilter | ErrorKind::UnknownTest) if error.detail().is_none() => {
            Error::new(kind, format!("{what} {name} is unknown"))
        }
        _ => error,
    }
}

/// Pays for every place of a format: each may stand for the longest of the values.
fn pay_for_places(state: &State, format: &Value, mark: char, args: &[Value]) -> Result<(), Error> {
    let places = format.as_str().map_or(0, |text| text.matches(mark).count()) as u64;
    let mut longest = 0;
    for value in args {
        longest = longest.max(weigh(value, u64::MAX)?);
    }
    state.consume_fuel(places.saturating_mul(longest) / PER_FUEL)
}

/// Pays for values that a function is about to look at, whatever it does with them.
fn pay(state: &State, values: &[Value]) -> Result<(), Error> {
    for value in values {
        if value.as_object().is_some() {
            // More than the rest of the fuel pays for need not be weighed.
            let rest = state.fuel_levels().map_or(u64::MAX, |(_, rest)| rest);
            let weight = weigh(value, rest.saturating_add(1).saturating_mul(PER_FUEL))
                .map_err(|error| if is_heavy(&error) { out_of_fuel() } else { error })?;
            state.consume_fuel(weight / PER_FUEL)?;
        }
    }
    Ok(())
}

/// A value that was just made, if it is not too large. What the engine would compute anew at each look is computed
/// once, or chains of such values would take longer with each link.
fn kept(state: &State, value: Value, limit: u64) -> Result<Value, Error> {
    if !is_lazy(&value) {
        settled(state, &value, limit)?;
        return Ok(value);
    }
    let sized = value.len().is_some();
    let made = if value.kind() == ValueKind::Map {
        let mut pairs = Vec::new();
        for key in value.try_iter()? {
            heavy_beyond(pairs.len(), limit)?;
            let item = value.get_item(&key)?;
            pairs.push((key, item));
        }
        Value::from_pairs(pairs)
    } else {
        let mut items = Vec::new();
        for item in value.try_iter()?.checked() {
            heavy_beyond(items.len(), limit)?;
            items.push(item?);
        }
        match value.kind() {
            ValueKind::Seq => Value::from(items),
            // Of what had no length before it is not known afterwards, either.
            _ => Value::make_object_iterable(items, move |items: &Vec<Value>| {
                let items = items.iter().cloned();
                if sized { Box::new(items) } else { Box::new(items.filter(|_| true)) }
            }),
        }
    };
    settled(state, &made, limit)?;
    Ok(made)
}

fn settled(state: &State, value: &Value, limit: u64) -> Result<(), Error> {
    if value.as_object().is_some() {
        state.consume_fuel(weigh(value, limit)? / PER_FUEL)?;
    }
    Ok(())
}

/// Whether a value is computed when it is looked at: the engine's sequences that are joined, cut, repeated or zipped.
fn is_lazy(value: &Value) -> bool {
    value.kind() == ValueKind::Iterable || is_of(value, "::MergeSeq") || is_of(value, "::MergeDict")
}

/// Whether what a value holds can change: a namespace, or the state of a loop. One that was put into itself would
/// have no end.
fn is_live(value: &Value) -> bool {
    is_of(value, "::Namespace") || is_of(value, "::Loop")
}

fn is_of(value: &Value, name: &str) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with(name))
}

/// The weight of a value with all that it holds, each as often as it is held.
fn weigh(value: &Value, limit: u64) -> Result<u64, Error> {
    let mut weight = 0;
    add_weight(value, 0, limit, &mut weight)?;
    Ok(weight)
}

fn add_weight(value: &Value, depth: usize, limit: u64, weight: &mut u64) -> Result<(), Error> {
    let text = value.as_bytes().map_or(0, |text| text.len() as u64);
    *weight = weight.saturating_add(NODE + text);
    if *weight > limit {
        return Err(heavy());
    }
    let is_container =
        matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable);
    if !is_container {
        return Ok(());
    }
    if depth > 0 && is_live(value) {
        return Err(live());
    }
    if depth == DEPTH_MAX {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("a value is nested more than {DEPTH_MAX} levels deep"),
        ));
    }
    for item in value.try_iter()? {
        add_weight(&item, depth + 1, limit, weight)?;
        if value.kind() == ValueKind::Map {
            add_weight(&value.get_item(&item)?, depth + 1, limit, weight)?;
        }
    }
    Ok(())
}

/// Refuses to collect more items than can be light enough.
fn heavy_beyond(items: usize, limit: u64) -> Result<(), Error> {
    if items as u64 > limit / NODE { Err(heavy()) } else { Ok(()) }
}

const HEAVY: &str = "a value would be too large if it were written out";

fn heavy() -> Error {
    Error::new(ErrorKind::InvalidOperation, HEAVY)
}

fn is_heavy(error: &Error) -> bool {
    error.detail() == Some(HEAVY)
}

fn live() -> Error {
    let what = "a namespace or a loop cannot be put into another value";
    Error::new(ErrorKind::InvalidOperation, what)
}

fn out_of_fuel() -> Error {
    Error::from(ErrorKind::OutOfFuel)
}
