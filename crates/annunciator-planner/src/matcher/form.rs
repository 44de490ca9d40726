//! JSON into matchers and back.
//!
//! Failure: a matcher is read whole or not at all; each problem says what would be right.

use annunciator_core::Severity;
use annunciator_settings::{Kind, Problem, Rules, SettingValue, choice, object};
use serde_json::{Map, Value};

use super::comparison::{Number, Scalar, Test};
use super::{Field, Matcher, MatcherSet, VALUE_CHARS_MAX, VALUES_MAX};

choice! {
    /// How a field is compared.
    pub(super) enum Op {
        /// It is the value.
        Equals = "equals",
        /// It is not the value, or is absent.
        NotEquals = "not_equals",
        /// It is one of a list.
        OneOf = "one_of",
        /// It is none of a list, or is absent.
        NoneOf = "none_of",
        /// It has the text in it.
        Contains = "contains",
        /// It begins with the text.
        BeginsWith = "begins_with",
        /// It ends with the text.
        EndsWith = "ends_with",
        /// It is the text, where `*` stands for any text and `?` for any one character.
        Matches = "matches",
        /// It is before the value; `severity` and parameters only.
        Less = "less",
        /// It is before the value or equal.
        LessOrEqual = "less_or_equal",
        /// It is behind the value.
        Greater = "greater",
        /// It is behind the value or equal.
        GreaterOrEqual = "greater_or_equal",
        /// It is given.
        Exists = "exists",
        /// It is not given, or is empty.
        Absent = "absent",
        /// It is that device group or one below it; `group` only.
        Within = "within",
    }
}

object! {
    /// A matcher as it is written.
    struct MatcherForm {
        /// What is looked at: `application`, `version`, `type`, `type_name`, `severity`, `device`,
        /// `group`, `domain`, `ip`, `connection_ip`, `task`, `description` or `parameters.NAME`.
        field: Field;
        /// How it is compared.
        op: Op;
        /// With what.
        value: Comparand = Comparand::Nothing;
        /// Whether texts compare without case.
        ignore_case: bool = false;
    }
}

/// The value of a matcher as it is written.
#[derive(Clone, PartialEq, Debug)]
enum Comparand {
    Nothing,
    One(Scalar),
    Many(Vec<Scalar>),
}

impl SettingValue for Comparand {
    fn kind(_: &Rules) -> Kind {
        Kind::Scalars { chars_max: VALUE_CHARS_MAX, items_max: VALUES_MAX }
    }

    fn parse(value: &Value, _: &Rules) -> Result<Self, Vec<Problem>> {
        let Value::Array(items) = value else {
            return read_scalar(value).map(Self::One).map_err(|problem| vec![problem]);
        };
        if items.len() > VALUES_MAX {
            let count = items.len();
            let detail = format!("must have at most {VALUES_MAX} items, not {count}: remove some");
            return Err(vec![Problem::new("too_many", detail)]);
        }
        let read = |(at, item): (usize, &Value)| {
            read_scalar(item).map_err(|problem| vec![problem.under(&at.to_string())])
        };
        items.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self::Many)
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::One(scalar) => write_scalar(scalar),
            Self::Many(scalars) => scalars.iter().map(write_scalar).collect(),
        }
    }
}

fn read_scalar(value: &Value) -> Result<Scalar, Problem> {
    match value {
        Value::Bool(value) => Ok(Scalar::Bool(*value)),
        Value::Number(number) => {
            let float = || number.as_f64().filter(|float| float.is_finite()).map(Number::Float);
            let number = number.as_i64().map(Number::Integer).or_else(float);
            number.map(Scalar::Number).ok_or_else(|| Problem::new("range", "is too large"))
        }
        Value::String(text) => {
            let chars = text.chars().count();
            if chars > VALUE_CHARS_MAX {
                let detail = format!(
                    "must have at most {VALUE_CHARS_MAX} characters, not {chars}: shorten it"
                );
                return Err(Problem::new("too_long", detail));
            }
            if text.contains('\0') {
                return Err(Problem::new("format", "holds a NUL, which no event holds: remove it"));
            }
            Ok(Scalar::Text(text.clone()))
        }
        _ => Err(Problem::new("type", "must be text, a number, true or false, or a list of these")),
    }
}

fn write_scalar(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Number(Number::Integer(number)) => Value::from(*number),
        Scalar::Number(Number::Float(number)) => Value::from(*number),
        Scalar::Bool(value) => Value::from(*value),
        Scalar::Text(_) | Scalar::Severity(_) => Value::from(scalar.text()),
    }
}

impl SettingValue for Matcher {
    fn kind(rules: &Rules) -> Kind {
        MatcherForm::kind(rules)
    }

    fn parse(value: &Value, rules: &Rules) -> Result<Self, Vec<Problem>> {
        let MatcherForm { field, op, value, ignore_case } = MatcherForm::parse(value, rules)?;
        check_op(&field, op).map_err(|problem| vec![problem.under("op")])?;
        let test = make_test(&field, op, value).map_err(|problem| vec![problem.under("value")])?;
        let has_case = field != Field::Severity && !matches!(op, Op::Exists | Op::Absent);
        Ok(Self { field, test, ignore_case: ignore_case && has_case })
    }

    /// Keys in their order, whatever the map: the fingerprint is made of it.
    fn to_json(&self) -> Value {
        let (op, value) = parts_of(&self.test);
        let mut map = Map::new();
        map.insert("field".to_owned(), self.field.to_json());
        if self.ignore_case {
            map.insert("ignore_case".to_owned(), true.into());
        }
        map.insert("op".to_owned(), op.to_json());
        if value != Comparand::Nothing {
            map.insert("value".to_owned(), value.to_json());
        }
        map.into()
    }
}

/// Whether a field can be compared that way.
fn check_op(field: &Field, op: Op) -> Result<(), Problem> {
    let word = op.as_str();
    let detail = match (op, field) {
        (Op::Within, field) if *field != Field::Group => {
            format!("`{word}` looks at device groups: use it with the field `group`")
        }
        (Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual, field)
            if !matches!(field, Field::Severity | Field::Parameter(_)) =>
        {
            let name = field.name();
            format!("`{name}` has no order: `{word}` is for `severity` and `parameters.NAME`")
        }
        (Op::Contains | Op::BeginsWith | Op::EndsWith | Op::Matches, Field::Severity) => {
            format!("`{word}` looks into texts: for `severity` use `one_of` or `greater_or_equal`")
        }
        _ => return Ok(()),
    };
    Err(Problem::new("one_of", detail))
}

fn make_test(field: &Field, op: Op, value: Comparand) -> Result<Test, Problem> {
    let word = op.as_str();
    if matches!(op, Op::Exists | Op::Absent) {
        if value != Comparand::Nothing {
            return Err(Problem::new("type", format!("`{word}` takes no value: remove it")));
        }
        return Ok(if op == Op::Exists { Test::Exists } else { Test::Absent });
    }
    match (op, value) {
        (_, Comparand::Nothing) => Err(Problem::new("required", "must be given")),
        (Op::OneOf | Op::NoneOf, Comparand::Many(scalars)) => {
            let fit = |(at, scalar)| {
                fit(field, scalar).map_err(|problem: Problem| problem.under(&format!("{at}")))
            };
            let scalars = scalars.into_iter().enumerate().map(fit).collect::<Result<_, _>>()?;
            Ok(if op == Op::OneOf { Test::OneOf(scalars) } else { Test::NoneOf(scalars) })
        }
        (Op::OneOf | Op::NoneOf, Comparand::One(_)) => {
            Err(Problem::new("type", format!("`{word}` takes a list: write it in brackets")))
        }
        (_, Comparand::Many(_)) => {
            let detail = format!("`{word}` takes one value: for a list use `one_of` or `none_of`");
            Err(Problem::new("type", detail))
        }
        (Op::Equals, Comparand::One(scalar)) => fit(field, scalar).map(Test::Equals),
        (Op::NotEquals, Comparand::One(scalar)) => fit(field, scalar).map(Test::NotEquals),
        (Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual, Comparand::One(scalar)) => {
            let scalar = fit_order(op, fit(field, scalar)?)?;
            Ok(match op {
                Op::Less => Test::Less(scalar),
                Op::LessOrEqual => Test::LessOrEqual(scalar),
                Op::Greater => Test::Greater(scalar),
                _ => Test::GreaterOrEqual(scalar),
            })
        }
        (_, Comparand::One(scalar)) => {
            let text = fit_text(op, scalar)?;
            Ok(match op {
                Op::Contains => Test::Contains(text),
                Op::BeginsWith => Test::BeginsWith(text),
                Op::EndsWith => Test::EndsWith(text),
                Op::Matches => Test::Matches(text),
                _ => Test::Within(text.trim_matches('/').to_owned()),
            })
        }
    }
}

/// A value as the field holds values.
fn fit(field: &Field, scalar: Scalar) -> Result<Scalar, Problem> {
    match (field, &scalar) {
        (Field::Severity, _) => {
            let severity = scalar.text().parse().map(Scalar::Severity);
            severity.map_err(|()| {
                let words = Severity::ALL.map(|severity| format!("`{severity}`"));
                Problem::new("one_of", format!("must be one of {}", words.join(", ")))
            })
        }
        (Field::Parameter(_), _) | (_, Scalar::Text(_)) => Ok(scalar),
        _ => {
            let (name, text) = (field.name(), scalar.text());
            Err(Problem::new("type", format!("`{name}` holds text: write \"{text}\"")))
        }
    }
}

/// A value that has an order.
fn fit_order(op: Op, scalar: Scalar) -> Result<Scalar, Problem> {
    let word = op.as_str();
    match &scalar {
        Scalar::Bool(_) => {
            Err(Problem::new("type", format!("`{word}` needs a number or a text: use `equals`")))
        }
        Scalar::Text(text) if Number::of_text(text).is_some() => {
            let detail = format!(
                "`{word}` would compare this text letter by letter: write {text} without quotes"
            );
            Err(Problem::new("type", detail))
        }
        _ => Ok(scalar),
    }
}

/// A text with something in it.
fn fit_text(op: Op, scalar: Scalar) -> Result<String, Problem> {
    let word = op.as_str();
    match scalar {
        Scalar::Text(text) if text.trim_matches('/').is_empty() && op == Op::Within => {
            Err(Problem::new("format", "must name a group: use `exists` for any group"))
        }
        Scalar::Text(text) if text.is_empty() => {
            let detail = format!("`{word}` needs a text: use `exists` or `absent`");
            Err(Problem::new("format", detail))
        }
        Scalar::Text(text) => Ok(text),
        other => {
            let text = other.text();
            Err(Problem::new("type", format!("`{word}` needs a text: write \"{text}\"")))
        }
    }
}

/// The word and the value of a test.
fn parts_of(test: &Test) -> (Op, Comparand) {
    let one = |scalar: &Scalar| Comparand::One(scalar.clone());
    let text = |text: &String| Comparand::One(Scalar::Text(text.clone()));
    match test {
        Test::Equals(scalar) => (Op::Equals, one(scalar)),
        Test::NotEquals(scalar) => (Op::NotEquals, one(scalar)),
        Test::OneOf(scalars) => (Op::OneOf, Comparand::Many(scalars.clone())),
        Test::NoneOf(scalars) => (Op::NoneOf, Comparand::Many(scalars.clone())),
        Test::Contains(part) => (Op::Contains, text(part)),
        Test::BeginsWith(part) => (Op::BeginsWith, text(part)),
        Test::EndsWith(part) => (Op::EndsWith, text(part)),
        Test::Matches(pattern) => (Op::Matches, text(pattern)),
        Test::Less(scalar) => (Op::Less, one(scalar)),
        Test::LessOrEqual(scalar) => (Op::LessOrEqual, one(scalar)),
        Test::Greater(scalar) => (Op::Greater, one(scalar)),
        Test::GreaterOrEqual(scalar) => (Op::GreaterOrEqual, one(scalar)),
        Test::Exists => (Op::Exists, Comparand::Nothing),
        Test::Absent => (Op::Absent, Comparand::Nothing),
        Test::Within(group) => (Op::Within, text(group)),
    }
}

impl SettingValue for MatcherSet {
    fn kind(rules: &Rules) -> Kind {
        Vec::<Matcher>::kind(&rules.items_max(Self::MATCHERS_MAX))
    }

    fn parse(value: &Value, rules: &Rules) -> Result<Self, Vec<Problem>> {
        Vec::parse(value, &rules.items_max(Self::MATCHERS_MAX)).map(Self)
    }

    fn to_json(&self) -> Value {
        self.0.to_json()
    }
}
