//! The macros that write a setting's types once: `settings!`, `choice!`, `object!`.

/// Defines a group of settings: the plain struct of effective values and the struct of one layer.
///
/// ```text
/// settings! {
///     /// What the group is.
///     pub struct Group / GroupLayer {
///         /// The manual's text.
///         key: Type = default, rule(arguments), rule();
///     }
/// }
/// ```
///
/// Rules are the methods of [`Rules`](crate::Rules). Doc comments are mandatory: they are the
/// manual. The group implements [`SettingsGroup`](crate::SettingsGroup), the layer
/// [`SettingsLayer`](crate::SettingsLayer), serde's `Serialize` (secrets masked) and
/// `Deserialize`.
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $group_doc:literal])+
        $visibility:vis struct $group:ident / $layer:ident {
            $(
                $(#[doc = $doc:literal])+
                $key:ident : $type:ty = $default:expr $(, $rule:ident ( $($argument:expr),* ))* ;
            )+
        }
    ) => {
        $(#[doc = $group_doc])+
        #[derive(Clone, PartialEq, Debug)]
        $visibility struct $group {
            $( $(#[doc = $doc])+ pub $key: $type, )+
        }

        #[doc = concat!("One layer of [`", stringify!($group), "`]: what it sets, and nothing else.")]
        #[derive(Clone, PartialEq, Debug, Default)]
        $visibility struct $layer {
            $( $(#[doc = $doc])+ pub $key: Option<$type>, )+
        }

        impl Default for $group {
            fn default() -> Self {
                Self { $( $key: $default, )+ }
            }
        }

        impl $crate::SettingsGroup for $group {
            type Layer = $layer;

            const DOC_SOURCE: &'static str = concat!($($group_doc, "\n"),+);

            fn resolve_sources(
                sources: &[$crate::Source<'_, $layer>],
            ) -> $crate::Resolved<Self> {
                let chosen = $crate::derived::choose_layers(sources);
                let locked = $crate::derived::find_locked(sources, &chosen);
                let origin = |at: &Option<usize>| match at {
                    Some(at) => sources[*at].origin.clone(),
                    None => $crate::Origin::CompiledDefault,
                };
                let origins = chosen.iter().map(origin).collect();
                let suppliers = chosen.clone();
                let mut chosen = chosen.into_iter();
                let mut next_layer = || chosen.next().flatten().map(|at| sources[at].layer);
                let values = Self {
                    $( $key: match next_layer() {
                        Some(layer) => layer.$key.clone().expect("the chosen layer sets it"),
                        None => $default,
                    }, )+
                };
                $crate::Resolved { values, origins, suppliers, locked }
            }

            fn to_json(&self) -> $crate::derived::serde_json::Value {
                let mut map = $crate::derived::serde_json::Map::new();
                $( map.insert(
                    stringify!($key).to_owned(),
                    $crate::SettingValue::to_json(&self.$key),
                ); )+
                map.into()
            }
        }

        impl $crate::SettingsLayer for $layer {
            fn definitions() -> &'static [$crate::Definition] {
                static DEFINITIONS: &[$crate::Definition] = &[
                    $( $crate::Definition {
                        key: stringify!($key),
                        doc_source: concat!($($doc, "\n"),+),
                        kind_under: <$type as $crate::SettingValue>::kind,
                        default: || {
                            Some(<$type as $crate::SettingValue>::to_json(&$default))
                        },
                        rules: $crate::Rules::DEFAULT $( .$rule($($argument),*) )*,
                    }, )+
                ];
                DEFINITIONS
            }

            fn slots(&self) -> Vec<&dyn $crate::Slot> {
                vec![ $( &self.$key ),+ ]
            }

            fn slots_mut(&mut self) -> Vec<&mut dyn $crate::Slot> {
                vec![ $( &mut self.$key ),+ ]
            }
        }

        impl $crate::derived::serde::Serialize for $layer {
            fn serialize<S: $crate::derived::serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                $crate::derived::serde::Serialize::serialize(
                    &$crate::SettingsLayer::to_json(self),
                    serializer,
                )
            }
        }

        impl<'de> $crate::derived::serde::Deserialize<'de> for $layer {
            fn deserialize<D: $crate::derived::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                let value = <$crate::derived::serde_json::Value as
                    $crate::derived::serde::Deserialize>::deserialize(deserializer)?;
                <$layer as $crate::SettingsLayer>::from_json(&value)
                    .map_err(|problems| $crate::derived::serde_error(&problems))
            }
        }
    };
}

/// Defines the layers of several groups that stand under one key, such as those of a channel.
///
/// ```text
/// layer_group! {
///     /// What one layer sets for e-mail.
///     pub struct EmailLayer {
///         /// Whom to tell.
///         notify: NotifyLayer,
///         /// How mail reaches the relay.
///         relay: RelayLayer,
///     }
/// }
/// ```
///
/// The struct implements [`LayerGroup`](crate::LayerGroup).
#[macro_export]
macro_rules! layer_group {
    (
        $(#[doc = $group_doc:literal])+
        $visibility:vis struct $group:ident {
            $( $(#[doc = $doc:literal])+ $part:ident : $layer:ty ),+ $(,)?
        }
    ) => {
        $(#[doc = $group_doc])+
        #[derive(Clone, PartialEq, Debug, Default)]
        $visibility struct $group {
            $( $(#[doc = $doc])+ pub $part: $layer, )+
        }

        impl $crate::LayerGroup for $group {
            fn parts(&self) -> Vec<&dyn $crate::LayerGroup> {
                vec![ $( &self.$part ),+ ]
            }

            fn parts_mut(&mut self) -> Vec<&mut dyn $crate::LayerGroup> {
                vec![ $( &mut self.$part ),+ ]
            }
        }
    };
}

/// Defines an enum whose values are words: a setting with a few choices.
///
/// ```text
/// choice! {
///     /// What is chosen.
///     pub enum Mode {
///         /// What the word means.
///         Off = "off",
///     }
/// }
/// ```
#[macro_export]
macro_rules! choice {
    (
        $(#[doc = $enum_doc:literal])+
        $visibility:vis enum $name:ident {
            $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal ),+ $(,)?
        }
    ) => {
        $(#[doc = $enum_doc])+
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        $visibility enum $name {
            $( $(#[doc = $doc])+ $variant, )+
        }

        impl $name {
            /// All of them, in the order of their definition.
            $visibility const ALL: &'static [Self] = &[$( Self::$variant ),+];
            const CHOICES: &'static [$crate::Choice] = &[
                $( $crate::Choice { value: $word, doc_source: concat!($($doc, "\n"),+) } ),+
            ];

            /// The word in settings.
            #[must_use]
            $visibility fn as_str(self) -> &'static str {
                Self::CHOICES[self as usize].value
            }
        }

        impl $crate::SettingValue for $name {
            fn kind(_: &$crate::Rules) -> $crate::Kind {
                $crate::Kind::Choice(Self::CHOICES)
            }

            fn parse(
                value: &$crate::derived::serde_json::Value,
                _: &$crate::Rules,
            ) -> Result<Self, Vec<$crate::Problem>> {
                $crate::derived::parse_choice(value, Self::CHOICES).map(|at| Self::ALL[at])
            }

            fn to_json(&self) -> $crate::derived::serde_json::Value {
                self.as_str().into()
            }
        }
    };
}

/// Defines a struct whose fields are set together, as one setting.
///
/// ```text
/// object! {
///     /// What it is.
///     pub struct Limit {
///         /// A field that must be given.
///         count: u32, range(1, 1_000);
///         /// A field that may be left out.
///         period_s: u32 = 60, range(1, 86_400);
///     }
/// }
/// ```
#[macro_export]
macro_rules! object {
    (
        $(#[doc = $struct_doc:literal])+
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $key:ident : $type:ty $(= $default:expr)? $(, $rule:ident ( $($argument:expr),* ))* ;
            )+
        }
    ) => {
        $(#[doc = $struct_doc])+
        #[derive(Clone, PartialEq, Debug)]
        $visibility struct $name {
            $( $(#[doc = $doc])+ pub $key: $type, )+
        }

        impl $name {
            const FIELDS: &'static [$crate::Definition] = &[
                $( $crate::Definition {
                    key: stringify!($key),
                    doc_source: concat!($($doc, "\n"),+),
                    kind_under: <$type as $crate::SettingValue>::kind,
                    default: || {
                        None::<$type>
                            $( .or(Some($default)) )?
                            .map(|value| $crate::SettingValue::to_json(&value))
                    },
                    rules: $crate::Rules::DEFAULT $( .$rule($($argument),*) )*,
                } ),+
            ];
        }

        impl $crate::SettingValue for $name {
            fn kind(_: &$crate::Rules) -> $crate::Kind {
                $crate::Kind::Object(Self::FIELDS)
            }

            fn parse(
                value: &$crate::derived::serde_json::Value,
                _: &$crate::Rules,
            ) -> Result<Self, Vec<$crate::Problem>> {
                let mut problems = Vec::new();
                let map = $crate::derived::parse_object(value, Self::FIELDS, &mut problems)?;
                let mut fields = Self::FIELDS.iter();
                $(
                    let $key: Option<$type> = $crate::derived::read_field(
                        map,
                        fields.next().expect("each field has its row"),
                        None::<$type> $( .or(Some($default)) )?,
                        &mut problems,
                    );
                )+
                match ($( $key, )+) {
                    ($( Some($key), )+) if problems.is_empty() => Ok(Self { $( $key ),+ }),
                    _ => Err(problems),
                }
            }

            fn to_json(&self) -> $crate::derived::serde_json::Value {
                let mut map = $crate::derived::serde_json::Map::new();
                $( map.insert(
                    stringify!($key).to_owned(),
                    $crate::SettingValue::to_json(&self.$key),
                ); )+
                map.into()
            }
        }
    };
}
