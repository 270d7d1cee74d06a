//! All keys that any message may have, read in one go, each as whatever it is.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::window::JsonWindow;

/// A JSON value of which only plain ones are of interest.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Scalar<'a> {
    /// Not there, or null.
    #[default]
    Missing,
    /// A whole number.
    Whole(u64),
    /// Any other number.
    Number(f64),
    /// A string.
    Text(Cow<'a, str>),
    /// Something else.
    Other,
}

impl<'a> Scalar<'a> {
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A finite number, also one written as a string.
    pub(super) fn number(&self) -> Option<f64> {
        let number = match self {
            Self::Whole(n) => *n as f64,
            Self::Number(n) => *n,
            Self::Text(text) => text.trim().parse().ok()?,
            Self::Missing | Self::Other => return None,
        };
        number.is_finite().then_some(number)
    }

    /// A whole number from 0 up, also one written as 200.0 or "200".
    pub(super) fn whole(&self) -> Option<u64> {
        match self {
            Self::Whole(n) => Some(*n),
            other => other.number().filter(|n| *n >= 0.0 && n.fract() == 0.0 && *n < 1e15).map(|n| n as u64),
        }
    }
}

/// The keys of a message.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub data_type: Scalar<'a>,
    pub run_id: Scalar<'a>,
    pub test: Scalar<'a>,
    pub url: Scalar<'a>,
    pub method: Scalar<'a>,
    pub status: Scalar<'a>,
    pub started: Scalar<'a>,
    pub elapsed: Scalar<'a>,
    pub size: Scalar<'a>,
    pub name: Scalar<'a>,
    pub process: Scalar<'a>,
    pub kind: Scalar<'a>,
    pub message: Scalar<'a>,
    pub traceback: Scalar<'a>,
    pub step: Scalar<'a>,
    /// Class, message, stack trace.
    pub exc_info: [Cow<'a, str>; 3],
    /// A batch's messages by kind.
    pub counts: Vec<(Cow<'a, str>, Vec<Fields<'a>>)>,
    pub window: Option<JsonWindow>,
}

impl Fields<'_> {
    pub(super) fn process(&self) -> u32 {
        self.process.whole().and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    DataType,
    RunId,
    Test,
    Url,
    Method,
    Status,
    Started,
    Elapsed,
    Size,
    Name,
    Process,
    Kind,
    Message,
    Traceback,
    Step,
    ExcInfo,
    Counts,
    Window,
    #[serde(other)]
    Unneeded,
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key()? {
            let field = match key {
                Key::DataType => &mut fields.data_type,
                Key::RunId => &mut fields.run_id,
                Key::Test => &mut fields.test,
                Key::Url => &mut fields.url,
                Key::Method => &mut fields.method,
                Key::Status => &mut fields.status,
                Key::Started => &mut fields.started,
                Key::Elapsed => &mut fields.elapsed,
                Key::Size => &mut fields.size,
                Key::Name => &mut fields.name,
                Key::Process => &mut fields.process,
                Key::Kind => &mut fields.kind,
                Key::Message => &mut fields.message,
                Key::Traceback => &mut fields.traceback,
                Key::Step => &mut fields.step,
                Key::ExcInfo => {
                    fields.exc_info = map.next_value::<ExcInfo<'de>>()?.0;
                    continue;
                }
                Key::Counts => {
                    fields.counts = map.next_value::<Counts<'de>>()?.0;
                    continue;
                }
                Key::Window => {
                    fields.window = map.next_value()?;
                    continue;
                }
                Key::Unneeded => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *field = map.next_value()?;
        }
        Ok(fields)
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_u64<E>(self, n: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Whole(n))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Number(n as f64))
    }
    fn visit_f64<E>(self, n: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Number(n))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }
    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Missing)
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// `[class, message, traceback]`; a string alone is the message, anything else is skipped.
#[derive(Default)]
struct ExcInfo<'a>([Cow<'a, str>; 3]);

struct ExcInfoVisitor;

impl<'de> Visitor<'de> for ExcInfoVisitor {
    type Value = ExcInfo<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("class, message and stack trace")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ExcInfo<'de>, A::Error> {
        let mut info = ExcInfo::default();
        let mut place = 0;
        while let Some(item) = items.next_element::<Scalar<'de>>()? {
            if let (Some(part), Some(text)) = (info.0.get_mut(place), item.text()) {
                *part = text;
            }
            place += 1;
        }
        Ok(info)
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<ExcInfo<'de>, E> {
        Ok(ExcInfo([Cow::Borrowed(""), Cow::Borrowed(text), Cow::Borrowed("")]))
    }
    fn visit_str<E>(self, text: &str) -> Result<ExcInfo<'de>, E> {
        Ok(ExcInfo([Cow::Borrowed(""), Cow::Owned(text.to_owned()), Cow::Borrowed("")]))
    }
    fn visit_unit<E>(self) -> Result<ExcInfo<'de>, E> {
        Ok(ExcInfo::default())
    }
}

impl<'de> Deserialize<'de> for ExcInfo<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExcInfoVisitor)
    }
}

struct Counts<'a>(Vec<(Cow<'a, str>, Vec<Fields<'a>>)>);

struct CountsVisitor;

impl<'de> Visitor<'de> for CountsVisitor {
    type Value = Counts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lists of messages by kind")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counts<'de>, A::Error> {
        let mut groups = Vec::new();
        while let Some(kind) = map.next_key::<Scalar<'de>>()? {
            groups.push((kind.text().unwrap_or_default(), map.next_value()?));
        }
        Ok(Counts(groups))
    }
}

impl<'de> Deserialize<'de> for Counts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(CountsVisitor)
    }
}
