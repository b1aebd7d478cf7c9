//! Forms of other systems in the OpenAPI document.

use serde_json::Value;
use utoipa::openapi::{RefOr, Schema};

/// A form that is written down as JSON Schema.
macro_rules! form {
    ($(#[$doc:meta])* $name:ident = $schema:expr) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                crate::http::routes::forms::parsed($schema)
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    };
}
pub(super) use form;

pub(super) fn parsed(schema: Value) -> RefOr<Schema> {
    RefOr::T(serde_json::from_value(schema).unwrap_or_default())
}
