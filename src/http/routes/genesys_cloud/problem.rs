//! Our own problems as refusals of A.

use crate::contact::genesys_cloud::ErrorCode;
use crate::http::problem::Problem;
use crate::service::contact_lists::Refusal;

impl From<Problem> for Refusal {
    /// A body that cannot be read; its status stays.
    fn from(problem: Problem) -> Self {
        let status = if problem.body.status == 422 { 400 } else { problem.body.status };
        Self::ours(status, ErrorCode::BadRequest.word(), &problem.body.detail)
    }
}
