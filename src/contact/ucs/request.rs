//! The parameters of `POST /profiles/import`.

use encoding_rs::Encoding;
use serde_json::{Map, Value};

use super::Fault;

/// What one import is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `profiles`: the file, as the client names it.
    pub profiles: String,
    /// `id-key`
    pub id_key: Option<String>,
    /// `delimiter`
    pub delimiter: char,
    /// `max-errors`: errors that are allowed; `None` = any number.
    pub max_errors: Option<u64>,
    /// `encoding`: a label of WHATWG.
    pub encoding: String,
    /// `start-from-index`: first record that is read, from 1.
    pub start_from: u64,
    /// `create-log`
    pub create_log: bool,
}

impl Request {
    /// Reads the object `description`.
    ///
    /// # Errors
    /// [`Fault`] 400 names the parameter.
    pub fn read(description: &Value) -> Result<Self, Fault> {
        let Value::Object(given) = description else {
            return Err(Fault::bad("description: expected a JSON object"));
        };
        let parameters = Parameters(given);
        let format = parameters.text("format")?.unwrap_or_else(|| "CSV".into());
        if format != "CSV" {
            return Err(Fault::bad("format: expected CSV"));
        }
        let profiles =
            parameters.text("profiles")?.ok_or_else(|| Fault::bad("profiles: expected the path of a file"))?;
        let encoding = parameters.text("encoding")?.unwrap_or_else(|| "UTF-8".into());
        if Encoding::for_label(encoding.as_bytes()).is_none() {
            return Err(Fault::bad("encoding: expected the name of an encoding, such as UTF-8 or windows-1252"));
        }
        let start_from = parameters.number("start-from-index")?.unwrap_or(1);
        if start_from == 0 {
            return Err(Fault::bad("start-from-index: expected 1 or more, found 0"));
        }
        Ok(Self {
            profiles,
            id_key: parameters.text("id-key")?,
            delimiter: parameters.delimiter()?,
            max_errors: parameters.number("max-errors")?,
            encoding,
            start_from,
            create_log: parameters.flag("create-log")?.unwrap_or(false),
        })
    }
}

/// Parameters as they came. `null` is the same as absent.
struct Parameters<'a>(&'a Map<String, Value>);

impl Parameters<'_> {
    fn given(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(Fault::bad(format!("{name}: expected a text that is not empty"))),
        }
    }

    /// The document calls all of them texts; its examples are numbers.
    fn number(&self, name: &str) -> Result<Option<u64>, Fault> {
        let wrong = || Fault::bad(format!("{name}: expected a whole number from 0 on"));
        match self.given(name) {
            None => Ok(None),
            Some(Value::Number(number)) => number.as_u64().map(Some).ok_or_else(wrong),
            Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Some).map_err(|_| wrong())
            }
            Some(_) => Err(wrong()),
        }
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(Fault::bad(format!("{name}: expected true or false"))),
        }
    }

    fn delimiter(&self) -> Result<char, Fault> {
        let wrong = || {
            let message = "delimiter: expected one ASCII character that is no quote, line end, digit or letter, or \\t";
            Fault::bad(message)
        };
        let Some(text) = self.text("delimiter")? else { return Ok(',') };
        if text == "\\t" {
            return Ok('\t');
        }
        let mut all = text.chars();
        match (all.next(), all.next()) {
            (Some('\t'), None) => Ok('\t'),
            (Some(one), None) if one.is_ascii() && one != '"' && !one.is_ascii_control() && !one.is_alphanumeric() => {
                Ok(one)
            }
            _ => Err(wrong()),
        }
    }
}

/// Whose profiles a call is about: its headers, else the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `X-Genesys-TenantId`
    pub tenant: i64,
    /// `X-Genesys-Segment`
    pub segment: String,
}

impl Origin {
    /// Reads both headers.
    ///
    /// # Errors
    /// [`Fault`] 400 names the header.
    pub fn read(tenant: Option<&str>, segment: Option<&str>, default: &Self) -> Result<Self, Fault> {
        let tenant = match tenant {
            None => default.tenant,
            Some(text) => text.trim().parse().map_err(|_| Fault::bad("X-Genesys-TenantId: expected a whole number"))?,
        };
        let segment = segment.map(str::trim).filter(|segment| !segment.is_empty()).unwrap_or(&default.segment);
        Ok(Self { tenant, segment: segment.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(description: Value) -> Result<Request, String> {
        Request::read(&description).map_err(|fault| format!("{} {}", fault.code, fault.message))
    }

    #[test]
    fn defaults_are_those_of_the_document() {
        let request = read(json!({"profiles": "C:/profiles.csv", "id-key": null, "unknown": [1]})).unwrap();
        let wanted = Request {
            profiles: "C:/profiles.csv".into(),
            id_key: None,
            delimiter: ',',
            max_errors: None,
            encoding: "UTF-8".into(),
            start_from: 1,
            create_log: false,
        };
        assert_eq!(request, wanted);
    }

    #[test]
    fn numbers_and_flags_may_be_texts() {
        for (number, flag) in [(json!(10), json!(true)), (json!("10"), json!("true")), (json!("010"), json!("True"))] {
            let given = json!({"format": "CSV", "profiles": "a", "max-errors": number, "start-from-index": number,
                "create-log": flag, "delimiter": ";", "encoding": "latin1", "id-key": "Email"});
            let request = read(given).unwrap();
            assert_eq!((request.max_errors, request.start_from, request.create_log), (Some(10), 10, true));
            assert_eq!((request.delimiter, request.id_key.as_deref()), (';', Some("Email")));
        }
        for (text, delimiter) in [("\\t", '\t'), ("\t", '\t'), ("|", '|'), (" ", ' ')] {
            assert_eq!(read(json!({"profiles": "a", "delimiter": text})).unwrap().delimiter, delimiter);
        }
        assert_eq!(read(json!({"profiles": "a", "max-errors": 0})).unwrap().max_errors, Some(0));
    }

    #[test]
    fn every_parameter_that_is_ill_typed_is_named() {
        for (name, value) in [
            ("format", json!("XML")),
            ("format", json!("csv")),
            ("format", json!(1)),
            ("profiles", json!("")),
            ("profiles", json!(["a"])),
            ("id-key", json!(5)),
            ("delimiter", json!(",,")),
            ("delimiter", json!("\"")),
            ("delimiter", json!("\n")),
            ("delimiter", json!("ä")),
            ("delimiter", json!("")),
            ("max-errors", json!(-1)),
            ("max-errors", json!("-1")),
            ("max-errors", json!("1.5")),
            ("max-errors", json!(1.5)),
            ("max-errors", json!("")),
            ("max-errors", json!("99999999999999999999")),
            ("max-errors", json!(true)),
            ("encoding", json!("utf-9")),
            ("encoding", json!(8)),
            ("start-from-index", json!(0)),
            ("start-from-index", json!("0")),
            ("start-from-index", json!("one")),
            ("create-log", json!("yes")),
            ("create-log", json!(1)),
        ] {
            let mut given = json!({"profiles": "a"});
            given[name] = value.clone();
            let error = read(given).expect_err(name);
            assert!(error.starts_with(&format!("400 {name}: ")), "{name} {value}: {error}");
        }
        assert!(read(json!({})).unwrap_err().starts_with("400 profiles: "));
        assert!(read(json!([])).unwrap_err().starts_with("400 description: "));
    }

    #[test]
    fn headers_go_before_the_configuration() {
        let default = Origin { tenant: 1, segment: "not-applicable".into() };
        let read = |tenant, segment| Origin::read(tenant, segment, &default);
        assert_eq!(read(None, None).unwrap(), default);
        assert_eq!(read(Some(" 101 "), Some("vip")).unwrap(), Origin { tenant: 101, segment: "vip".into() });
        assert_eq!(read(Some("x"), None).unwrap_err().code, 400);
    }
}
