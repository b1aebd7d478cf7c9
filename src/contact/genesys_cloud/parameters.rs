//! Parameters of the client in the words of the loader's document, as they stand in a configuration file. Flags are laid
//! over them.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::{ListBody, ListLimits, PhoneBody};

/// All parameters, none of them required here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Name, domain or address.
    pub region: Option<String>,
    /// Name of the client.
    pub client_id: Option<String>,
    /// Its secret; `client_secret_file` keeps it out of this file.
    #[serde(deserialize_with = "secret")]
    pub client_secret: Option<SecretString>,
    /// The file whose first line is the secret.
    pub client_secret_file: Option<PathBuf>,
    /// The CSV file.
    pub file_name: Option<PathBuf>,
    /// Column of ids.
    pub id_column: Option<String>,
    /// Column of 0 and 1.
    pub callable_column: Option<String>,
    /// An existing list.
    pub contact_list_id: Option<String>,
    /// A list to be made.
    pub contact_list_name: Option<String>,
    /// The list is emptied first.
    pub clear_contact_list_before_upload: Option<bool>,
    /// Columns of the file that are sent.
    pub column_names: Option<Vec<String>>,
    /// Which of them hold phones.
    pub phone_columns: Option<Vec<PhoneColumnParameter>>,
}

/// One of `phone_columns`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhoneColumnParameter {
    /// Its name.
    pub column: String,
    /// `home`, `cell`, ...
    #[serde(rename = "type")]
    pub kind: String,
}

/// Parameters that contradict each other or the document: exit 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// A required one is not there.
    #[error("{0} is required")]
    Missing(&'static str),
    /// A column that has to be in `column_names`.
    #[error("{role} column {column:?} is not in column_names")]
    NotNamed {
        /// id, callable, phone
        role: &'static str,
        /// Its name.
        column: String,
    },
    /// A column that has two roles.
    #[error("column {0:?} cannot be both phone and {1} column")]
    TwoRoles(String, &'static str),
    /// What a list would be refused for, by field of the list.
    #[error("no list may be like that: {0} (missing, too long, too many, a backslash, or there twice)")]
    List(String),
}

fn secret<'de, D: Deserializer<'de>>(input: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(input)?.map(SecretString::from))
}

impl Parameters {
    /// Parameters of flags over those of a file: each one that is given counts.
    #[must_use]
    pub fn over(self, file: Self) -> Self {
        Self {
            region: self.region.or(file.region),
            client_id: self.client_id.or(file.client_id),
            client_secret_file: self.client_secret_file.or(file.client_secret_file),
            client_secret: self.client_secret.or(file.client_secret),
            file_name: self.file_name.or(file.file_name),
            id_column: self.id_column.or(file.id_column),
            callable_column: self.callable_column.or(file.callable_column),
            contact_list_id: self.contact_list_id.or(file.contact_list_id),
            contact_list_name: self.contact_list_name.or(file.contact_list_name),
            clear_contact_list_before_upload: self
                .clear_contact_list_before_upload
                .or(file.clear_contact_list_before_upload),
            column_names: self.column_names.or(file.column_names),
            phone_columns: self.phone_columns.or(file.phone_columns),
        }
    }

    /// An empty text is one that was not given: forms fill files that way.
    #[must_use]
    pub fn without_empty(mut self) -> Self {
        let texts = [
            &mut self.region,
            &mut self.client_id,
            &mut self.id_column,
            &mut self.callable_column,
            &mut self.contact_list_id,
            &mut self.contact_list_name,
        ];
        for text in texts {
            *text = text.take().filter(|text| !text.trim().is_empty());
        }
        self.phone_columns = self.phone_columns.filter(|columns| !columns.is_empty());
        self.column_names = self.column_names.filter(|columns| !columns.is_empty());
        self
    }

    /// `column_names` without the id and the callable column: what a list has, and what `data` holds.
    #[must_use]
    pub fn list_columns(&self) -> Vec<String> {
        let roles = [self.id_column.as_ref(), self.callable_column.as_ref()];
        let names = self.column_names.iter().flatten();
        names.filter(|name| !roles.contains(&Some(*name))).cloned().collect()
    }

    /// Checks what an upload needs.
    ///
    /// # Errors
    /// [`ParameterError`]
    pub fn check_push(&self, limits: &ListLimits) -> Result<(), ParameterError> {
        let names = self.column_names.as_ref().ok_or(ParameterError::Missing("column_names"))?;
        let phones = self.phone_columns.as_deref().unwrap_or_default();
        let roles = [("id", &self.id_column), ("callable", &self.callable_column)];
        let named = roles.iter().filter_map(|(role, column)| Some((*role, column.as_ref()?)));
        for (role, column) in named.clone().chain(phones.iter().map(|phone| ("phone", &phone.column))) {
            if !names.contains(column) {
                return Err(ParameterError::NotNamed { role, column: column.clone() });
            }
        }
        for (role, column) in named {
            if phones.iter().any(|phone| phone.column == *column) {
                return Err(ParameterError::TwoRoles(column.clone(), role));
            }
        }
        if self.contact_list_id.is_none() && self.contact_list_name.is_none() {
            return Err(ParameterError::Missing("contact_list_id or contact_list_name"));
        }
        if self.contact_list_id.is_none() && phones.is_empty() {
            return Err(ParameterError::Missing("phone_columns (with contact_list_name)"));
        }
        self.check_list(limits)
    }

    /// What is sent has columns that any list may have; a list that is to be made obeys all rules of a server.
    fn check_list(&self, limits: &ListLimits) -> Result<(), ParameterError> {
        let phone = |phone: &PhoneColumnParameter| PhoneBody {
            column_name: phone.column.clone(),
            kind: Some(phone.kind.clone()),
            callable_time_column: None,
        };
        let list = ListBody {
            name: self.contact_list_name.clone().unwrap_or_default(),
            column_names: self.list_columns(),
            phone_columns: self.phone_columns.iter().flatten().map(phone).collect(),
            ..ListBody::default()
        };
        let creates = self.contact_list_id.is_none();
        let mut wrong = list.check(limits).into_iter().map(|detail| detail.field_name);
        match wrong.find(|field| creates || field.starts_with("columnNames")) {
            None => Ok(()),
            Some(field) => Err(ParameterError::List(field)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Parameters {
        serde_json::from_str(
            r#"{"region": "eu-central-1", "client_id": "c", "client_secret": "s3cret", "id_column": "id",
                "callable_column": "callable", "contact_list_name": "L", "column_names":
                ["id", "first_name", "phone_number", "callable"],
                "phone_columns": [{"column": "phone_number", "type": "cell"}]}"#,
        )
        .unwrap()
    }

    #[test]
    fn the_words_of_the_document_are_read_and_the_secret_is_never_shown() {
        let parameters = sample();
        assert_eq!(parameters.check_push(&ListLimits::default()), Ok(()));
        assert_eq!(parameters.list_columns(), ["first_name", "phone_number"]);
        assert!(!format!("{parameters:?}").contains("s3cret"));
        assert!(serde_json::from_str::<Parameters>(r#"{"colum_names": []}"#).is_err());
    }

    #[test]
    fn flags_lie_over_the_file() {
        let flags = Parameters { contact_list_id: Some("X".to_owned()), ..Parameters::default() };
        let both = flags.over(sample());
        assert_eq!(both.contact_list_id.as_deref(), Some("X"));
        assert_eq!(both.region.as_deref(), Some("eu-central-1"));
    }

    #[test]
    fn what_the_document_demands_is_demanded() {
        type Change = fn(&mut Parameters);
        let table: [(Change, &str); 7] = [
            (|p| p.column_names = None, "column_names is required"),
            (|p| p.contact_list_name = None, "contact_list_id or contact_list_name is required"),
            (|p| p.phone_columns = None, "phone_columns (with contact_list_name) is required"),
            (|p| p.id_column = Some("nr".into()), "id column \"nr\" is not in column_names"),
            (
                |p| p.callable_column = Some("phone_number".into()),
                "column \"phone_number\" cannot be both phone and callable column",
            ),
            (
                |p| p.column_names.as_mut().unwrap().push("a\\b".into()),
                "no list may be like that: columnNames[2] (missing, too long, too many, a backslash, or there twice)",
            ),
            (
                |p| p.column_names.as_mut().unwrap().push("first_name".into()),
                "no list may be like that: columnNames[2] (missing, too long, too many, a backslash, or there twice)",
            ),
        ];
        for (change, wanted) in table {
            let mut parameters = sample();
            change(&mut parameters);
            assert_eq!(parameters.check_push(&ListLimits::default()).unwrap_err().to_string(), wanted);
        }
    }
}
