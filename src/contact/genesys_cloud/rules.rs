//! What a list and a contact may be: the same checks in front of the server's store and in front of the client's wire.

use std::collections::BTreeSet;

use super::{ErrorCode, ID_CHARS_MAX};

/// Sizes of lists and contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListLimits {
    /// Columns of a list.
    pub columns: usize,
    /// Phone columns of a list.
    pub phone_columns: usize,
    /// Characters of the name of a list.
    pub name: usize,
    /// Characters of a value.
    pub value: usize,
}

impl Default for ListLimits {
    fn default() -> Self {
        Self { columns: 50, phone_columns: 10, name: 128, value: 512 }
    }
}

/// One thing that is wrong: what goes into `details` of an error body. No value of a cell stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which rule.
    pub code: ErrorCode,
    /// Where: `phoneColumns[1].columnName`, `[3].data.city`.
    pub field: String,
    /// What was found, what was wanted.
    pub message: String,
}

impl Fault {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: ErrorCode::InvalidValue, field: field.into(), message: message.into() }
    }
}

/// What a list says of itself, as far as rules look at it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListRules<'a> {
    /// Its name.
    pub name: &'a str,
    /// `columnNames`
    pub columns: &'a [String],
    /// (`columnName`, `callableTimeColumn`) of each of `phoneColumns`.
    pub phone_columns: &'a [(&'a str, Option<&'a str>)],
    /// `columnName` of each of `emailColumns` and `whatsAppColumns`.
    pub other_columns: &'a [&'a str],
    /// `previewModeColumnName`
    pub preview_column: Option<&'a str>,
    /// `automaticTimeZoneMapping`
    pub automatic_zones: bool,
    /// `zipCodeColumnName`
    pub zip_column: Option<&'a str>,
    /// (`columnName`, `columnDataType`) of each of `columnDataTypeSpecifications`.
    pub data_types: &'a [(&'a str, Option<&'a str>)],
}

/// Types of columns.
const DATA_TYPES: [&str; 4] = ["NUMERIC", "TEXT", "TIMESTAMP", "DATETIME"];

/// All that is wrong with a list; nothing = it may be made.
#[must_use]
pub fn list_faults(list: ListRules<'_>, limits: ListLimits) -> Vec<Fault> {
    let mut faults = Vec::new();
    let name_chars = list.name.chars().count();
    if list.name.trim().is_empty() {
        faults.push(Fault::new("name", "expected a name"));
    } else if name_chars > limits.name {
        faults.push(Fault::new("name", format!("{name_chars} characters, limit is {}", limits.name)));
    }
    columns(list.columns, limits, &mut faults);
    let has = |column: &str| list.columns.iter().any(|name| name == column);
    let mut wanted = |field: String, column: &str| {
        if !has(column) {
            faults.push(Fault::new(field, format!("{column:?} is not one of columnNames")));
        }
    };
    for (n, (column, zone)) in list.phone_columns.iter().enumerate() {
        wanted(format!("phoneColumns[{n}].columnName"), column);
        if let Some(zone) = zone {
            wanted(format!("phoneColumns[{n}].callableTimeColumn"), zone);
        }
    }
    list.other_columns.iter().for_each(|column| wanted("emailColumns".to_owned(), column));
    list.preview_column.iter().for_each(|column| wanted("previewModeColumnName".to_owned(), column));
    list.zip_column.iter().for_each(|column| wanted("zipCodeColumnName".to_owned(), column));
    for (n, (column, _)) in list.data_types.iter().enumerate() {
        wanted(format!("columnDataTypeSpecifications[{n}].columnName"), column);
    }
    phone_columns(list, limits, &mut faults);
    for (n, (_, data_type)) in list.data_types.iter().enumerate() {
        let field = format!("columnDataTypeSpecifications[{n}].columnDataType");
        if !data_type.is_some_and(|word| DATA_TYPES.contains(&word)) {
            faults.push(Fault::new(field, format!("expected one of {}", DATA_TYPES.join(", "))));
        }
    }
    faults
}

fn columns(columns: &[String], limits: ListLimits, faults: &mut Vec<Fault>) {
    if columns.is_empty() {
        faults.push(Fault::new("columnNames", "expected a column"));
    }
    if columns.len() > limits.columns {
        let message = format!("{} columns, limit is {}", columns.len(), limits.columns);
        faults.push(Fault::new("columnNames", message));
    }
    let mut seen = BTreeSet::new();
    for (n, column) in columns.iter().enumerate() {
        let field = format!("columnNames[{n}]");
        if column.trim().is_empty() {
            faults.push(Fault::new(field, "expected a name"));
        } else if column.contains('\\') {
            faults.push(Fault::new(field, format!("{column:?} has a backslash in it")));
        } else if !seen.insert(column) {
            faults.push(Fault::new(field, format!("{column:?} is there twice")));
        }
    }
}

fn phone_columns(list: ListRules<'_>, limits: ListLimits, faults: &mut Vec<Fault>) {
    let count = list.phone_columns.len();
    if count == 0 {
        faults.push(Fault::new("phoneColumns", "expected a phone column"));
    }
    if count > limits.phone_columns {
        let message = format!("{count} phone columns, limit is {}", limits.phone_columns);
        faults.push(Fault::new("phoneColumns", message));
    }
    let mut seen = BTreeSet::new();
    for (n, (column, zone)) in list.phone_columns.iter().enumerate() {
        if !seen.insert(column) {
            faults.push(Fault::new(format!("phoneColumns[{n}].columnName"), format!("{column:?} is there twice")));
        }
        if list.automatic_zones && zone.is_some() {
            let message = "expected none, since automaticTimeZoneMapping is on";
            faults.push(Fault::new(format!("phoneColumns[{n}].callableTimeColumn"), message));
        }
    }
    if !list.automatic_zones && list.zip_column.is_some() {
        let message = "expected none, since automaticTimeZoneMapping is off";
        faults.push(Fault::new("zipCodeColumnName", message));
    }
}

/// What a contact is checked against.
#[derive(Clone, Copy, Debug)]
pub struct ContactRules<'a> {
    /// Id of the list.
    pub list: &'a str,
    /// Its columns.
    pub columns: &'a [String],
    /// Sizes.
    pub limits: ListLimits,
}

/// All that is wrong with the n-th contact of a batch.
pub fn contact_faults<'a>(
    rules: ContactRules<'_>,
    n: usize,
    id: Option<&str>,
    list: Option<&str>,
    data: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Some(id) = id
        && !(1..=ID_CHARS_MAX).contains(&id.chars().count())
    {
        faults.push(Fault::new(format!("[{n}].id"), format!("expected 1 to {ID_CHARS_MAX} characters")));
    }
    if list.is_some_and(|list| list != rules.list) {
        faults.push(Fault::new(format!("[{n}].contactListId"), "is not the list of the address"));
    }
    for (column, value) in data {
        let field = || format!("[{n}].data.{column}");
        // Bytes are never fewer than characters, and quicker to count.
        let is_long = value.len() > rules.limits.value && value.chars().count() > rules.limits.value;
        if !rules.columns.iter().any(|name| name == column) {
            faults.push(Fault::new(field(), "the list has no such column"));
        } else if is_long {
            let message = format!("{} characters, limit is {}", value.chars().count(), rules.limits.value);
            faults.push(Fault::new(field(), message));
        } else if value.contains('\0') {
            faults.push(Fault::new(field(), "a NUL cannot be stored"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(columns: &[&str]) -> Vec<String> {
        columns.iter().map(|name| (*name).to_owned()).collect()
    }

    fn fields(list: ListRules<'_>) -> Vec<String> {
        list_faults(list, ListLimits::default()).into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn the_list_of_the_documents_may_be_made() {
        let columns = names(&["first_name", "phone_number"]);
        let phones = [("phone_number", None)];
        let list = ListRules { name: "L", columns: &columns, phone_columns: &phones, ..ListRules::default() };
        assert_eq!(fields(list), [""; 0]);
    }

    #[test]
    fn each_broken_rule_is_named_with_its_field() {
        let columns = names(&["a", "b\\c", "a", ""]);
        let phones = [("a", Some("zone")), ("a", None)];
        let types = [("a", Some("BOOLEAN")), ("nowhere", Some("TEXT"))];
        let list = ListRules {
            name: "",
            columns: &columns,
            phone_columns: &phones,
            automatic_zones: true,
            data_types: &types,
            ..ListRules::default()
        };
        let wanted = [
            "name",
            "columnNames[1]",
            "columnNames[2]",
            "columnNames[3]",
            "phoneColumns[0].callableTimeColumn",
            "columnDataTypeSpecifications[1].columnName",
            "phoneColumns[0].callableTimeColumn",
            "phoneColumns[1].columnName",
            "columnDataTypeSpecifications[0].columnDataType",
        ];
        assert_eq!(fields(list), wanted);
    }

    #[test]
    fn zip_codes_need_automatic_zones_and_a_list_needs_a_phone() {
        let columns = names(&["a", "zip"]);
        let list = ListRules { name: "L", columns: &columns, zip_column: Some("zip"), ..ListRules::default() };
        assert_eq!(fields(list), ["phoneColumns", "zipCodeColumnName"]);
        let many = (0..51).map(|n| format!("c{n}")).collect::<Vec<_>>();
        let phones = many.iter().take(11).map(|name| (name.as_str(), None)).collect::<Vec<_>>();
        let name = "n".repeat(129);
        let list = ListRules { name: &name, columns: &many, phone_columns: &phones, ..ListRules::default() };
        assert_eq!(fields(list), ["name", "columnNames", "phoneColumns"]);
    }

    #[test]
    fn a_bad_contact_is_told_by_place_and_never_by_value() {
        let columns = names(&["city"]);
        let rules = ContactRules { list: "L", columns: &columns, limits: ListLimits::default() };
        let long = "é".repeat(513);
        let data = [("city", long.as_str()), ("town", "Brno")];
        let faults = contact_faults(rules, 3, Some(""), Some("M"), data);
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["[3].id", "[3].contactListId", "[3].data.city", "[3].data.town"]);
        assert!(faults.iter().all(|fault| !fault.message.contains('é') && !fault.message.contains("Brno")));
        let fits = "é".repeat(512);
        assert_eq!(contact_faults(rules, 0, Some("42"), Some("L"), [("city", fits.as_str())]), []);
    }
}
