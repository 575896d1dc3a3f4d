//! Names for what is wrong or odd with a value, each with an explanation in English and Chinese.

/// An enum without values, each variant with a name for files and logs, and a line for people in both
/// languages.
macro_rules! vocabulary {
    (
        $(#[$about:meta])*
        $kind:ident, $unknown:ident, $what:literal:
        $($(#[$doc:meta])* $variant:ident = $name:literal, $english:literal, $chinese:literal;)+
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $kind {
            $($(#[$doc])* $variant,)+
        }

        impl $kind {
            /// All of them, in the order of their declaration.
            pub const ALL: [Self; [$(stringify!($variant)),+].len()] = [$(Self::$variant),+];

            /// The name in files and logs, which stays what it is.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// One line in English.
            #[must_use]
            pub const fn english(self) -> &'static str {
                match self {
                    $(Self::$variant => $english,)+
                }
            }

            /// One line in Chinese.
            #[must_use]
            pub const fn chinese(self) -> &'static str {
                match self {
                    $(Self::$variant => $chinese,)+
                }
            }
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        #[doc = concat!("There is no ", $what, " of this name.")]
        #[derive(Debug, thiserror::Error, PartialEq, Eq)]
        #[error("there is no {what} {0:?}", what = $what)]
        pub struct $unknown(pub String);

        impl std::str::FromStr for $kind {
            type Err = $unknown;

            fn from_str(text: &str) -> Result<Self, $unknown> {
                Self::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| $unknown(text.to_owned()))
            }
        }
    };
}

pub(super) use vocabulary;
