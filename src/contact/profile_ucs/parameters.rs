//! The parameters of an import request, which may be numbers, booleans or text.

use serde_json::{Map, Value};

use super::Fault;
use crate::contact::csv::Charset;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `profiles`: the path as it was given.
    pub file: String,
    /// `id-key`
    pub id_key: Option<String>,
    /// `delimiter`
    pub delimiter: char,
    /// `max-errors`: errors that are allowed; `None` = any number.
    pub max_errors: Option<u64>,
    /// `encoding`: a label that is known.
    pub encoding: String,
    /// `start-from-index`: the first record to import, from 1.
    pub start_from: u64,
    /// `create-log`
    pub create_log: bool,
}

impl Parameters {
    /// Reads the description of a request. Keys that are not ours are ignored.
    ///
    /// # Errors
    /// [`Fault`] 400
    pub fn read(body: &Map<String, Value>) -> Result<Self, Fault> {
        match text(body, "format")? {
            None => {}
            Some(format) if format == "CSV" => {}
            Some(_) => return Err(wrong("format", "CSV")),
        }
        let Some(file) = text(body, "profiles")?.filter(|file| !file.is_empty()) else {
            return Err(wrong("profiles", "the path of a file"));
        };
        let delimiter = text(body, "delimiter")?.unwrap_or_else(|| ",".to_owned());
        let mut characters = if delimiter == "\\t" { "\t".chars() } else { delimiter.chars() };
        let (Some(delimiter), None) = (characters.next(), characters.next()) else {
            return Err(wrong("delimiter", "one character"));
        };
        let encoding = text(body, "encoding")?.unwrap_or_else(|| "UTF-8".to_owned());
        Charset::from_label(&encoding).map_err(|error| Fault::new(400, format!("encoding: {error}")))?;
        Ok(Self {
            file,
            id_key: text(body, "id-key")?.filter(|key| !key.is_empty()),
            delimiter,
            max_errors: number(body, "max-errors")?,
            encoding,
            start_from: match number(body, "start-from-index")? {
                None => 1,
                Some(0) => return Err(wrong("start-from-index", "a number from 1 on")),
                Some(index) => index,
            },
            create_log: flag(body, "create-log")?,
        })
    }
}

fn wrong(key: &str, wanted: &str) -> Fault {
    Fault::new(400, format!("{key}: expected {wanted}"))
}

fn text(body: &Map<String, Value>, key: &str) -> Result<Option<String>, Fault> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(key, "text")),
    }
}

fn number(body: &Map<String, Value>, key: &str) -> Result<Option<u64>, Fault> {
    let number = match body.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => {
            Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).and_then(|text| text.parse().ok())
        }
        Some(_) => None,
    };
    number.map(Some).ok_or_else(|| wrong(key, "a number"))
}

fn flag(body: &Map<String, Value>, key: &str) -> Result<bool, Fault> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text == "true" || text == "false" => Ok(text == "true"),
        Some(_) => Err(wrong(key, "true or false")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Result<Parameters, String> {
        Parameters::read(body.as_object().unwrap()).map_err(|fault| format!("{} {fault}", fault.status))
    }

    #[test]
    fn all_but_the_file_have_a_default() {
        let found = read(&json!({"profiles": "C:/profiles.csv", "other": []})).unwrap();
        let wanted = Parameters {
            file: "C:/profiles.csv".to_owned(),
            id_key: None,
            delimiter: ',',
            max_errors: None,
            encoding: "UTF-8".to_owned(),
            start_from: 1,
            create_log: false,
        };
        assert_eq!(found, wanted);
    }

    #[test]
    fn numbers_and_truth_may_be_text() {
        for (errors, index, log) in [(json!(10), json!(4), json!(true)), (json!("10"), json!("4"), json!("true"))] {
            let body = json!({"format": "CSV", "profiles": "x", "max-errors": errors, "start-from-index": index, "create-log": log, "delimiter": "\\t"});
            let found = read(&body).unwrap();
            assert_eq!(
                (found.max_errors, found.start_from, found.create_log, found.delimiter),
                (Some(10), 4, true, '\t')
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (key, value, wanted) in [
            ("format", json!("XML"), "400 format: expected CSV"),
            ("profiles", json!(""), "400 profiles: expected the path of a file"),
            ("profiles", json!(7), "400 profiles: expected text"),
            ("delimiter", json!(";;"), "400 delimiter: expected one character"),
            ("delimiter", json!(""), "400 delimiter: expected one character"),
            ("max-errors", json!(-1), "400 max-errors: expected a number"),
            ("max-errors", json!("many"), "400 max-errors: expected a number"),
            ("max-errors", json!(""), "400 max-errors: expected a number"),
            ("start-from-index", json!(0), "400 start-from-index: expected a number from 1 on"),
            ("create-log", json!("yes"), "400 create-log: expected true or false"),
            ("encoding", json!("klingon"), "400 encoding: encoding \"klingon\" is not known"),
        ] {
            let mut body = json!({"profiles": "x"});
            body[key] = value;
            assert_eq!(read(&body), Err(wanted.to_owned()));
        }
    }
}
