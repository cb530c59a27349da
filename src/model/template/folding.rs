//! Constants that the engine would compute while it compiles, where no budget counts: `[1] * 99999999` takes no room,
//! but comparing two of them takes seconds. Knows nothing about what templates say.

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt};
use minijinja::{Error, ErrorKind};

/// Most items of a sequence that is repeated in a constant.
const ITEMS_MAX: usize = 1024;

/// Looks for constants that would become long.
pub(super) fn check(stmt: &Stmt<'_>) -> Result<(), Error> {
    match stmt {
        Stmt::Template(s) => all(&s.children),
        Stmt::EmitExpr(s) => expr(&s.expr),
        Stmt::ForLoop(s) => {
            exprs([&s.target, &s.iter])?;
            exprs(&s.filter_expr)?;
            all(&s.body)?;
            all(&s.else_body)
        }
        Stmt::IfCond(s) => {
            expr(&s.expr)?;
            all(&s.true_body)?;
            all(&s.false_body)
        }
        Stmt::WithBlock(s) => {
            exprs(s.assignments.iter().flat_map(|(target, value)| [target, value]))?;
            all(&s.body)
        }
        Stmt::Set(s) => exprs([&s.target, &s.expr]),
        Stmt::SetBlock(s) => {
            expr(&s.target)?;
            exprs(&s.filter)?;
            all(&s.body)
        }
        Stmt::AutoEscape(s) => {
            expr(&s.enabled)?;
            all(&s.body)
        }
        Stmt::FilterBlock(s) => {
            expr(&s.filter)?;
            all(&s.body)
        }
        Stmt::Block(s) => all(&s.body),
        Stmt::Import(s) => exprs([&s.expr, &s.name]),
        Stmt::FromImport(s) => {
            expr(&s.expr)?;
            exprs(s.names.iter().flat_map(|(name, other)| [Some(name), other.as_ref()]).flatten())
        }
        Stmt::Extends(s) => expr(&s.name),
        Stmt::Include(s) => expr(&s.name),
        Stmt::Macro(s) => {
            exprs(s.args.iter().chain(&s.defaults))?;
            all(&s.body)
        }
        Stmt::CallBlock(s) => {
            expr(&s.call.expr)?;
            args(&s.call.args)?;
            exprs(s.macro_decl.args.iter().chain(&s.macro_decl.defaults))?;
            all(&s.macro_decl.body)
        }
        Stmt::Do(s) => {
            expr(&s.call.expr)?;
            args(&s.call.args)
        }
        Stmt::EmitRaw(_) | Stmt::Continue(_) | Stmt::Break(_) => Ok(()),
    }
}

fn all(stmts: &[Stmt<'_>]) -> Result<(), Error> {
    stmts.iter().try_for_each(check)
}

fn exprs<'a, 'e: 'a>(list: impl IntoIterator<Item = &'a Expr<'e>>) -> Result<(), Error> {
    list.into_iter().try_for_each(expr)
}

fn args(args: &[CallArg<'_>]) -> Result<(), Error> {
    exprs(args.iter().map(|arg| match arg {
        CallArg::Pos(value)
        | CallArg::Kwarg(_, value)
        | CallArg::PosSplat(value)
        | CallArg::KwargSplat(value) => value,
    }))
}

/// Looks at the parts first: those of a constant are short when it is computed.
fn expr(node: &Expr<'_>) -> Result<(), Error> {
    match node {
        Expr::Var(_) | Expr::Const(_) => Ok(()),
        Expr::Slice(e) => {
            expr(&e.expr)?;
            exprs([&e.start, &e.stop, &e.step].into_iter().flatten())
        }
        Expr::UnaryOp(e) => expr(&e.expr),
        Expr::BinOp(e) => {
            exprs([&e.left, &e.right])?;
            match e.op {
                BinOpKind::Mul => short(node),
                _ => Ok(()),
            }
        }
        Expr::Compare(e) => {
            expr(&e.expr)?;
            exprs(e.ops.iter().map(|op| &op.expr))
        }
        Expr::IfExpr(e) => {
            exprs([&e.test_expr, &e.true_expr])?;
            exprs(&e.false_expr)
        }
        Expr::Filter(e) => {
            exprs(&e.expr)?;
            args(&e.args)
        }
        Expr::Test(e) => {
            expr(&e.expr)?;
            args(&e.args)
        }
        Expr::GetAttr(e) => expr(&e.expr),
        Expr::GetItem(e) => exprs([&e.expr, &e.subscript_expr]),
        Expr::Call(e) => {
            expr(&e.expr)?;
            args(&e.args)
        }
        Expr::List(e) => exprs(&e.items),
        Expr::Tuple(e) => exprs(&e.items),
        Expr::Map(e) => exprs(e.keys.iter().chain(&e.values)),
    }
}

fn short(constant: &Expr<'_>) -> Result<(), Error> {
    let items = constant.as_const().filter(|value| value.as_object().is_some());
    match items.and_then(|items| items.len()) {
        Some(items) if items > ITEMS_MAX => Err(Error::new(
            ErrorKind::InvalidOperation,
            format!(
                "a constant sequence has {items} items, more than the {ITEMS_MAX} that are taken"
            ),
        )),
        _ => Ok(()),
    }
}
