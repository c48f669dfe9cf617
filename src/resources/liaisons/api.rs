//! What clients see of liaisons.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Body, Liaisons};
use crate::error::Faults;
use crate::http::routes::Routes;
use crate::model::types::Ref;
use crate::resources::ApiResource;
use crate::{msg, rules, text_enum};

crate::fields! {
    /// A leader or a department assigned to a pairing.
    Liaison;
    /// A liaison to create: at least one of name, title, body and organization.
    NewLiaison;
    resource Liaisons, table liaisons, sheet "挂钩联系", code Option<Code>;

    /// Pairing that the liaison is assigned to.
    pairing: Ref<pairings> "结对",
    /// Name of the person.
    #[read(schema(max_length = 200))]
    #[new(schema(min_length = 1, max_length = 200))]
    name: Option<String> "姓名" searched,
    /// Office of the person.
    #[read(schema(max_length = 200, example = "副市长"))]
    #[new(schema(min_length = 1, max_length = 200, example = "副市长"))]
    title: Option<String> "职务" searched,
    /// Body that the liaison represents.
    body: Option<Body> "班子",
    /// Organization that the liaison represents.
    organization: Option<Ref<organizations>> "单位",
    /// First day of the assignment; null when unknown.
    from_on: Option<NaiveDate> "起始日期",
    /// Last day of the assignment, not before `from_on`; null when open or unknown.
    to_on: Option<NaiveDate> "截止日期",
    // Not searched: a caller that may not read it must not find records by it.
    /// Contact details. Personal data: disclosed only to keys of the pairing, null otherwise.
    #[schema(max_length = 500)]
    contact: Option<String> "联系方式",
    /// Free-text note.
    note: Option<String> "备注" searched,
}

/// Checks the rules across the fields of a request.
pub fn validate(new: &NewLiaison, faults: &mut Faults) {
    names_somebody(new, faults);
    rules::period(faults, new.from_on, new.to_on, "/to_on", "from_on");
}

fn names_somebody(new: &NewLiaison, faults: &mut Faults) {
    if new.name.is_none() && new.title.is_none() && new.body.is_none() && new.organization.is_none() {
        faults.push(
            "",
            "one_of",
            msg!("须给出姓名、职务、班子或单位。", "must have a name, a title, a body or an organization"),
        );
    }
}

text_enum! {
    /// The orders of a list of liaisons; ties are ordered by id.
    Sort as "LiaisonSort" {
        /// Oldest first.
        Id => "id",
        /// Newest first.
        IdDesc => "-id",
        /// By the first day; the undated last.
        FromOn => "from_on",
        /// By the first day, backwards; the undated first.
        FromOnDesc => "-from_on",
        /// Least recently changed first.
        UpdatedAt => "updated_at",
        /// Most recently changed first.
        UpdatedAtDesc => "-updated_at",
    }
}

/// Filter parameters of the list of liaisons.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LiaisonFilter {
    /// Words in name, title and note.
    #[param(max_length = 200, example = "副市长")]
    pub q: Option<String>,
    /// Of the pairings of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// Of these bodies; several repeat the parameter.
    #[serde(default)]
    pub body: Vec<Body>,
    /// Of this organization.
    pub organization: Option<Ref>,
    /// Assigned on this date; a first or last day that is unknown excludes none.
    pub active_on: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<Sort>,
}

impl ApiResource for Liaisons {
    const ROUTES: Routes = Routes { label: "挂钩联系", ..Routes::OF_PAIRING };
}
