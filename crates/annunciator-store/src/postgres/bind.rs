//! Values become parameters with their types, so that no statement needs a name: a pooler that gives
//! every transaction another connection is no hindrance.

use std::borrow::Cow;

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A value whose type at the database is known.
pub(super) trait Bind: ToSql + Sync {
    /// Its type.
    fn kind(&self) -> Type;
}

macro_rules! kinds {
    ($($rust:ty => $one:ident, $many:ident);* $(;)?) => {$(
        impl Bind for $rust { fn kind(&self) -> Type { Type::$one } }
        impl Bind for Option<$rust> { fn kind(&self) -> Type { Type::$one } }
        impl Bind for Vec<$rust> { fn kind(&self) -> Type { Type::$many } }
        impl Bind for Vec<Option<$rust>> { fn kind(&self) -> Type { Type::$many } }
    )*};
}

kinds! {
    i16 => INT2, INT2_ARRAY;
    i32 => INT4, INT4_ARRAY;
    i64 => INT8, INT8_ARRAY;
    bool => BOOL, BOOL_ARRAY;
    Uuid => UUID, UUID_ARRAY;
    String => TEXT, TEXT_ARRAY;
    &str => TEXT, TEXT_ARRAY;
    Cow<'_, str> => TEXT, TEXT_ARRAY;
    Vec<u8> => BYTEA, BYTEA_ARRAY;
    &[u8] => BYTEA, BYTEA_ARRAY;
}

/// A parameter with its type.
pub(super) type Bound<'a> = (&'a (dyn ToSql + Sync), Type);

/// Pairs a value with its type.
pub(super) fn bound<T: Bind>(value: &T) -> Bound<'_> {
    (value, value.kind())
}

/// The parameters of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$(crate::postgres::bind::bound(&$value)),*] };
}
pub(super) use values;

/// PostgreSQL knows no NUL within a text: it is stored as the sign for what cannot be shown.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{FFFD}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The same for one that may be missing.
pub(super) fn some_text(text_or_none: Option<&str>) -> Option<Cow<'_, str>> {
    text_or_none.map(text)
}

/// A count as the database takes it.
pub(super) fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
