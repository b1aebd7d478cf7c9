//! Typed access to the pairs of a list, with the key path in every error and a warning for every tolerance.

use std::fmt;

use crate::message::keys;
use crate::message::sheet::{Found, Part, Sheet, Slot};
use crate::wire::ListView;
use crate::wire::Reading;
use crate::wire::Text;
use crate::wire::ValueView;

/// A field that cannot be read: where and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {kind}")]
pub struct FieldError {
    /// Keys from the top, joined by `/`.
    pub path: String,
    /// What was wanted, what was found.
    pub kind: FieldErrorKind,
}

/// Why a field cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldErrorKind {
    /// A required key is absent.
    #[error("expected {0}, found nothing")]
    Missing(&'static str),
    /// Another kind of value.
    #[error("expected {wanted}, found {found}")]
    Kind {
        /// The kind that was wanted.
        wanted: &'static str,
        /// The kind that was found.
        found: &'static str,
    },
    /// A value of the right kind that the table does not allow.
    #[error("expected {wanted}, found {found}")]
    Value {
        /// What is allowed.
        wanted: &'static str,
        /// What was found; never personal data.
        found: String,
    },
    /// Strict reading: the key stands more than once.
    #[error("expected one pair, found several")]
    Duplicate,
}

/// A tolerance that was used while reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Keys from the top, joined by `/`.
    pub path: String,
    /// Which tolerance.
    pub kind: WarningKind,
}

/// The tolerances of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// An int arrived as a decimal string.
    IntAsString,
    /// A string arrived as an int.
    StringAsInt,
    /// The key stands more than once, the first was taken.
    DuplicateKey,
    /// The key differs in ASCII case.
    KeyCase,
    /// `GSW_AUTO_COMPLETION` in a message that does not know it.
    AutoCompletionIgnored,
}

impl WarningKind {
    /// The short name of specifications and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IntAsString => "int_as_string",
            Self::StringAsInt => "string_as_int",
            Self::DuplicateKey => "duplicate_key",
            Self::KeyCase => "key_case",
            Self::AutoCompletionIgnored => "auto_completion_ignored",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.kind.name())
    }
}

/// One list being read; nested lists share the sheet.
#[derive(Debug)]
pub struct Fields<'a, 'w> {
    list: ListView<'a>,
    sheet: &'w mut Sheet<'a>,
    part: Part<'a>,
    path: Option<&'w Step<'w>>,
    reading: Reading,
}

/// A key on the way from the top.
#[derive(Debug)]
struct Step<'w> {
    above: Option<&'w Step<'w>>,
    key: &'w str,
}

impl<'a, 'w> Fields<'a, 'w> {
    /// The top list of UserData.
    pub fn new(list: ListView<'a>, reading: Reading, sheet: &'w mut Sheet<'a>) -> Self {
        Self::open(list, reading, sheet, None)
    }

    fn open(list: ListView<'a>, reading: Reading, sheet: &'w mut Sheet<'a>, path: Option<&'w Step<'w>>) -> Self {
        let part = sheet.open(list);
        Self { list, sheet, part, path, reading }
    }

    /// Ends the reading of a top list.
    pub(super) fn close(self) {
        self.sheet.close(&self.part);
    }

    /// True while the lists are read straight on.
    pub(super) fn is_straight(&self) -> bool {
        self.sheet.is_straight()
    }

    /// Straight on: what was read may not be all that there is.
    pub(super) fn go_astray(&mut self) {
        self.sheet.go_astray();
    }

    /// Straight on: the rest of the list, pair by pair; whoever cannot read one goes astray.
    pub(super) fn next_pair(&mut self) -> Option<(&'a [u8], ValueView<'a>)> {
        self.part.next()
    }

    /// Straight on: how many pairs are left.
    pub(super) fn left(&self) -> usize {
        self.part.left()
    }

    /// The list itself, for keys that are not known beforehand.
    #[must_use]
    pub fn list(&self) -> ListView<'a> {
        self.list
    }

    /// An int; a decimal string is taken for one with a warning.
    ///
    /// # Errors
    /// [`FieldError`] for another kind of value.
    #[inline(always)]
    pub fn int(&mut self, key: &str) -> Result<Option<i32>, FieldError> {
        if self.is_straight() {
            return Ok(match self.part.next_under(key) {
                Some(ValueView::Int(number)) => Some(number),
                Some(_) => {
                    self.go_astray();
                    None
                }
                None => None,
            });
        }
        self.int_in(key, Slot::of(key.as_bytes()))
    }

    fn int_in(&mut self, key: &str, slot: Slot) -> Result<Option<i32>, FieldError> {
        let Some(value) = self.find(key, slot)? else { return Ok(None) };
        match value {
            ValueView::Int(number) => Ok(Some(number)),
            ValueView::Str(text) if self.reading == Reading::Tolerant => match decimal(text.bytes) {
                Some(number) => {
                    self.warn(key, WarningKind::IntAsString);
                    Ok(Some(number))
                }
                None => Err(self.wrong(key, "int", &value)),
            },
            other => Err(self.wrong(key, "int", &other)),
        }
    }

    /// An int that must be there.
    ///
    /// # Errors
    /// [`FieldError`] when it is absent or of another kind.
    pub fn required_int(&mut self, key: &str) -> Result<i32, FieldError> {
        self.int(key)?.ok_or_else(|| self.error(key, FieldErrorKind::Missing("int")))
    }

    /// A string; an int is taken for its decimal text with a warning.
    ///
    /// # Errors
    /// [`FieldError`] for another kind of value.
    pub fn text(&mut self, key: &str) -> Result<Option<Text>, FieldError> {
        let Some(value) = self.find(key, Slot::of(key.as_bytes()))? else { return Ok(None) };
        match value {
            ValueView::Str(text) => Ok(Some(text.to_text())),
            ValueView::Int(number) if self.reading == Reading::Tolerant => {
                self.warn(key, WarningKind::StringAsInt);
                Ok(Some(Text::from(number.to_string())))
            }
            other => Err(self.wrong(key, "string", &other)),
        }
    }

    /// Reads a nested list with `read`; `None` when the key is absent.
    ///
    /// # Errors
    /// [`FieldError`] for another kind of value, or what `read` finds.
    pub fn nested<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Fields<'a, '_>) -> Result<T, FieldError>,
    ) -> Result<Option<T>, FieldError> {
        let Some(value) = self.find(key, Slot::of(key.as_bytes()))? else { return Ok(None) };
        let ValueView::List(list) = value else { return Err(self.wrong(key, "list", &value)) };
        self.inside(key, list, read).map(Some)
    }

    /// Reads a list that stands under a key of this one.
    pub(super) fn inside<T>(
        &mut self,
        key: &str,
        list: ListView<'a>,
        read: impl FnOnce(&mut Fields<'a, '_>) -> Result<T, FieldError>,
    ) -> Result<T, FieldError> {
        let step = Step { above: self.path, key };
        let mut inner = Fields::open(list, self.reading, self.sheet, Some(&step));
        let result = read(&mut inner);
        inner.close();
        result
    }

    /// Reads a part of what stands under `GSW_CM_AttrProperties`.
    ///
    /// # Errors
    /// As [`Fields::nested`].
    pub fn properties<T>(
        &mut self,
        read: impl FnOnce(&mut Fields<'a, '_>) -> Result<T, FieldError>,
    ) -> Result<Option<T>, FieldError> {
        if !self.is_straight() {
            return self.nested(keys::PROPERTIES, read);
        }
        let rest = match self.part.take_properties() {
            Some(rest) => rest,
            None => match self.find(keys::PROPERTIES, Slot::of(keys::PROPERTIES.as_bytes()))? {
                Some(ValueView::List(list)) => list.iter(),
                Some(other) => return Err(self.wrong(keys::PROPERTIES, "list", &other)),
                None => return Ok(None),
            },
        };
        let step = Step { above: self.path, key: keys::PROPERTIES };
        let part = self.sheet.go_on(rest);
        let mut inner = Fields { list: self.list, sheet: self.sheet, part, path: Some(&step), reading: self.reading };
        let result = read(&mut inner);
        let part = inner.part;
        self.part.leave_properties(part);
        result.map(Some)
    }

    /// Reads one list under `GSW_CM_AttrProperties`.
    ///
    /// # Errors
    /// As [`Fields::nested`].
    pub fn property<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Fields<'a, '_>) -> Result<T, FieldError>,
    ) -> Result<Option<T>, FieldError> {
        self.properties(|properties| properties.nested(key, read)).map(Option::flatten)
    }

    /// An error at a key of this list.
    #[must_use]
    pub fn error(&self, key: &str, kind: FieldErrorKind) -> FieldError {
        FieldError { path: self.path_of(key), kind }
    }

    /// Notes a tolerance.
    pub fn warn(&mut self, key: &str, kind: WarningKind) {
        self.go_astray();
        let path = self.path_of(key);
        self.sheet.warnings.push(Warning { path, kind });
    }

    fn find(&mut self, key: &str, slot: Slot) -> Result<Option<ValueView<'a>>, FieldError> {
        let strict = self.reading == Reading::Strict;
        let (value, tolerance) = match self.sheet.find(&mut self.part, key, slot) {
            Found::Exact(value) => return Ok(Some(value)),
            Found::Nothing => return Ok(None),
            Found::Several(_) if strict => return Err(self.error(key, FieldErrorKind::Duplicate)),
            Found::Several(value) => (value, WarningKind::DuplicateKey),
            Found::OtherCase(_) if strict => return Ok(None),
            Found::OtherCase(value) => (value, WarningKind::KeyCase),
        };
        self.warn(key, tolerance);
        Ok(Some(value))
    }

    fn wrong(&mut self, key: &str, wanted: &'static str, found: &ValueView<'_>) -> FieldError {
        self.go_astray();
        self.error(key, FieldErrorKind::Kind { wanted, found: found.kind() })
    }

    fn path_of(&self, key: &str) -> String {
        let above = std::iter::successors(self.path, |step| step.above);
        above.fold(key.to_owned(), |path, step| format!("{}/{path}", step.key))
    }
}

/// `-?[0-9]{1,10}` within i32.
fn decimal(bytes: &[u8]) -> Option<i32> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    if digits.is_empty() || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Dialect;
    use crate::wire::TkvList;

    fn read<T>(
        tree: &TkvList,
        reading: Reading,
        with: impl FnOnce(&mut Fields<'_, '_>) -> T,
    ) -> (T, Vec<&'static str>) {
        let bytes = tree.encode(&Dialect::default()).unwrap();
        let view = ListView::parse(&bytes, &Dialect::default(), Reading::Tolerant).unwrap();
        let mut sheet = Sheet::default();
        let result = with(&mut Fields::new(view, reading, &mut sheet));
        (result, sheet.warnings.iter().map(|warning| warning.kind.name()).collect())
    }

    #[test]
    fn an_int_may_come_as_a_decimal_string() {
        let tree = TkvList::new().str(keys::GROUP_ID, "732");
        let (value, warnings) = read(&tree, Reading::Tolerant, |fields| fields.int(keys::GROUP_ID));
        assert_eq!((value, warnings), (Ok(Some(732)), vec!["int_as_string"]));
        let (value, _) = read(&tree, Reading::Strict, |fields| fields.int(keys::GROUP_ID));
        assert_eq!(value.unwrap_err().to_string(), "GSW_CM_AttrGroupID: expected int, found string");
    }

    #[test]
    fn text_that_is_no_i32_is_no_int() {
        for text in ["", "-", "+1", "1.0", "99999999999", "2147483648", " 1"] {
            let tree = TkvList::new().str("n", text);
            assert!(read(&tree, Reading::Tolerant, |fields| fields.int("n")).0.is_err(), "{text:?}");
        }
        let tree = TkvList::new().str("n", "-2147483648");
        assert_eq!(read(&tree, Reading::Tolerant, |fields| fields.int("n")).0, Ok(Some(i32::MIN)));
    }

    #[test]
    fn a_string_may_come_as_an_int() {
        let tree = TkvList::new().int(keys::PHONE, 5_551_234);
        let (value, warnings) = read(&tree, Reading::Tolerant, |fields| fields.text(keys::PHONE));
        assert_eq!((value, warnings), (Ok(Some(Text::from("5551234"))), vec!["string_as_int"]));
        assert!(read(&tree, Reading::Strict, |fields| fields.text(keys::PHONE)).0.is_err());
    }

    #[test]
    fn the_first_of_a_doubled_key_is_taken() {
        let tree = TkvList::new().int("n", 1).int("n", 2);
        assert_eq!(read(&tree, Reading::Tolerant, |fields| fields.int("n")), (Ok(Some(1)), vec!["duplicate_key"]));
        let (value, _) = read(&tree, Reading::Strict, |fields| fields.int("n"));
        assert_eq!(value.unwrap_err().to_string(), "n: expected one pair, found several");
    }

    #[test]
    fn another_case_of_a_key_is_taken_unless_strict() {
        let tree = TkvList::new().int("gsw_cm_attrgroupid", 7);
        let tolerant = read(&tree, Reading::Tolerant, |fields| fields.int(keys::GROUP_ID));
        assert_eq!(tolerant, (Ok(Some(7)), vec!["key_case"]));
        assert_eq!(read(&tree, Reading::Strict, |fields| fields.int(keys::GROUP_ID)).0, Ok(None));
    }

    #[test]
    fn an_error_names_the_whole_key_path() {
        let tree = TkvList::new().list(
            keys::PROPERTIES,
            TkvList::new().list(keys::CANCEL_RECORD, TkvList::new().list(keys::PHONE, TkvList::new())),
        );
        let (value, _) = read(&tree, Reading::Tolerant, |fields| {
            fields.property(keys::CANCEL_RECORD, |cancel| cancel.text(keys::PHONE))
        });
        assert_eq!(
            value.unwrap_err().to_string(),
            "GSW_CM_AttrProperties/cancel_record/GSW_PHONE: expected string, found list"
        );
    }
}
