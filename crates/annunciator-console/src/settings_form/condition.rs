//! When a field matters: conditions on other fields of the form.
//!
//! Out: the text of `data-shown-when`, and whether it holds for values that are known.

/// Alternatives of which one must hold; each is a list of conditions that must all hold. With no
/// alternative it always holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Condition(Vec<Vec<(String, Vec<String>)>>);

impl Condition {
    /// Holds while a field has one of these values.
    pub(crate) fn when(name: &str, values: &[&str]) -> Self {
        Self(vec![vec![(name.to_owned(), values.iter().map(|&value| value.to_owned()).collect())]])
    }

    /// Both must hold.
    pub(crate) fn and(self, other: Self) -> Self {
        if self.0.is_empty() || other.0.is_empty() {
            return Self(if self.0.is_empty() { other.0 } else { self.0 });
        }
        let pair = |one: &Vec<(String, Vec<String>)>| {
            let with = |two: &Vec<_>| one.iter().chain(two).cloned().collect::<Vec<_>>();
            other.0.iter().map(with).collect::<Vec<_>>()
        };
        Self(self.0.iter().flat_map(pair).collect())
    }

    /// One of them must hold.
    pub(crate) fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether it holds; `value_of` knows what fields have, `on` and `off` for a checkbox.
    pub(crate) fn holds(&self, value_of: impl Fn(&str) -> String) -> bool {
        let all = |conditions: &Vec<(String, Vec<String>)>| {
            conditions.iter().all(|(name, values)| values.contains(&value_of(name)))
        };
        self.0.is_empty() || self.0.iter().any(all)
    }

    /// The text of `data-shown-when`; empty when it always holds.
    pub(crate) fn text(&self) -> String {
        let one = |(name, values): &(String, Vec<String>)| format!("{name}={}", values.join("|"));
        let all = |conditions: &Vec<_>| conditions.iter().map(one).collect::<Vec<_>>().join("; ");
        self.0.iter().map(all).collect::<Vec<_>>().join(" || ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_when_one_alternative_does() {
        let tls = || Condition::when("tls", &["required", "implicit"]);
        let condition =
            tls().and(Condition::when("auth", &["on"])).or(Condition::when("cert", &["x"]));
        assert_eq!(condition.text(), "tls=required|implicit; auth=on || cert=x");
        let check = |tls: &str, auth: &str, cert: &str, expected: bool| {
            let found = condition.holds(|name| {
                let value = match name {
                    "tls" => tls,
                    "auth" => auth,
                    _ => cert,
                };
                value.to_owned()
            });
            assert_eq!(found, expected, "{tls} {auth} {cert}");
        };
        check("required", "on", "", true);
        check("implicit", "off", "", false);
        check("off", "on", "", false);
        check("off", "off", "x", true);
        assert_eq!(tls().and(Condition::default()), tls());
        assert!(Condition::default().holds(|_| String::new()));
        assert_eq!(Condition::default().text(), "");
    }
}
