//! Keys become words of the reader's language.
//!
//! In: Fluent files of `locales/`, compiled in. Out: [`Words`].
//! Standard: Fluent 1.0 syntax. Failure: a key without words shows itself; the tests here keep
//! that from happening.

use std::borrow::Cow;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

/// The files of one language, one for each area of the console.
macro_rules! files {
    ($language:literal) => {
        &[
            include_str!(concat!("../locales/", $language, "/shell.ftl")),
            include_str!(concat!("../locales/", $language, "/sign_in.ftl")),
            include_str!(concat!("../locales/", $language, "/dashboard.ftl")),
            include_str!(concat!("../locales/", $language, "/settings.ftl")),
            include_str!(concat!("../locales/", $language, "/settings_tools.ftl")),
            include_str!(concat!("../locales/", $language, "/definitions.ftl")),
            include_str!(concat!("../locales/", $language, "/event_configuration.ftl")),
            include_str!(concat!("../locales/", $language, "/events.ftl")),
            include_str!(concat!("../locales/", $language, "/ledger.ftl")),
            include_str!(concat!("../locales/", $language, "/incidents.ftl")),
            include_str!(concat!("../locales/", $language, "/subscriptions.ftl")),
            include_str!(concat!("../locales/", $language, "/certificates.ftl")),
            include_str!(concat!("../locales/", $language, "/silences.ftl")),
            include_str!(concat!("../locales/", $language, "/people.ftl")),
            include_str!(concat!("../locales/", $language, "/system.ftl")),
            include_str!(concat!("../locales/", $language, "/reasons.ftl")),
        ]
    };
}

/// A language of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// English.
    English,
    /// Russian.
    Russian,
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::Russian];

    /// The same language, as it is known to what is written for readers of messages.
    pub(crate) fn of_readers(self) -> annunciator_template::Language {
        match self {
            Self::English => annunciator_template::Language::English,
            Self::Russian => annunciator_template::Language::Russian,
        }
    }

    /// The tag of RFC 5646.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
        }
    }

    /// Its own name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Russian => "Русский",
        }
    }

    /// The language of that tag, if there is one.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The first language of an `Accept-Language` that there is (RFC 9110 12.5.4); English
    /// otherwise. Browsers send them in the order of their weights.
    pub(crate) fn accepted(header: &str) -> Self {
        let tags = header.split(',').take(20).map(|entry| entry.trim().split([';', '-']).next());
        tags.flatten().find_map(Self::of_tag).unwrap_or(Self::English)
    }

    fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::Russian => &RUSSIAN,
        }
    }

    /// The words of a key.
    pub(crate) fn say(self, key: &str) -> String {
        self.say_with(key, &[])
    }

    /// The words of a key, with values at its places.
    pub(crate) fn say_with(self, key: &str, values: &[(&str, Value<'_>)]) -> String {
        self.words().find(key, values).unwrap_or_else(|| key.to_owned())
    }

    /// The words of a key, if it has any.
    pub(crate) fn find(self, key: &str) -> Option<String> {
        self.words().find(key, &[])
    }
}

/// What can stand at a place within words.
#[derive(Clone)]
pub(crate) enum Value<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A number; it also chooses the plural form.
    Number(i64),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text.as_str().into())
    }
}

impl<'a> From<&&'a String> for Value<'a> {
    fn from(text: &&'a String) -> Self {
        Self::Text(text.as_str().into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a Cow<'_, str>> for Value<'a> {
    fn from(text: &'a Cow<'_, str>) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

macro_rules! numbers {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Value<'_> {
            fn from(number: $kind) -> Self {
                Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
            }
        }
        impl From<&$kind> for Value<'_> {
            fn from(number: &$kind) -> Self {
                Self::Number(i64::try_from(*number).unwrap_or(i64::MAX))
            }
        }
    )*};
}
numbers!(i64, u64, u32, usize);

static ENGLISH: LazyLock<Words> = LazyLock::new(|| Words::new("en", files!("en")));
static RUSSIAN: LazyLock<Words> = LazyLock::new(|| Words::new("ru", files!("ru")));

/// All words of one language.
struct Words(FluentBundle<FluentResource>);

impl Words {
    fn new(tag: &str, files: &[&str]) -> Self {
        let id: LanguageIdentifier = tag.parse().expect("a tag of ours is a language");
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        // The pages are left to right throughout; marks around values would show in attributes.
        bundle.set_use_isolating(false);
        for file in files {
            let resource = FluentResource::try_new((*file).to_owned())
                .unwrap_or_else(|(_, errors)| panic!("a file of locales/{tag}: {errors:?}"));
            bundle
                .add_resource(resource)
                .unwrap_or_else(|errors| panic!("a file of locales/{tag}: {errors:?}"));
        }
        Self(bundle)
    }

    /// `key`, or `key.attribute`.
    fn find(&self, key: &str, values: &[(&str, Value<'_>)]) -> Option<String> {
        let pattern = match key.split_once('.') {
            None => self.0.get_message(key)?.value()?,
            Some((key, attribute)) => self.0.get_message(key)?.get_attribute(attribute)?.value(),
        };
        let mut arguments = FluentArgs::new();
        for (name, value) in values {
            let value = match value {
                Value::Text(text) => FluentValue::from(text.as_ref()),
                Value::Number(number) => FluentValue::from(*number),
            };
            arguments.set(*name, value);
        }
        let mut errors = Vec::new();
        let words = self.0.format_pattern(pattern, Some(&arguments), &mut errors);
        if !errors.is_empty() {
            tracing::debug!(key, ?errors, "Words with places that were not filled");
        }
        Some(words.into_owned())
    }
}

#[cfg(test)]
#[path = "language_tests.rs"]
mod tests;
