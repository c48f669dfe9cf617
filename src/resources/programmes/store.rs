//! The rows of programmes.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::Programmes;
use super::api::{NewProgramme, Programme, ProgrammeFilter};
use crate::access::Scope;
use crate::db::page::{self, PageIds, PageRequest};
use crate::db::schema::programmes;
use crate::db::{Conn, MultiBackend, reference};
use crate::error::{Faults, Result};
use crate::model::sheet::Sheet;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::{ReadContext, Resource, Tx, citations};
use crate::{filter, put_row, record_page, record_parts};

#[derive(Queryable, Selectable)]
#[diesel(table_name = programmes)]
struct Row {
    id: i64,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
    #[diesel(embed)]
    values: Values,
}

/// What is written, besides the version and the times.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = programmes, treat_none_as_null = true)]
struct Values {
    code: String,
    name_zh: String,
    name_en: Option<String>,
    description_zh: Option<String>,
    description_en: Option<String>,
    lead_body: Option<String>,
    starts_on: Option<NaiveDate>,
    ends_on: Option<NaiveDate>,
    principles_zh: Option<String>,
    principles_en: Option<String>,
}

impl Resource for Programmes {
    type Read = Programme;
    type New = NewProgramme;
    type Filter = ProgrammeFilter;

    const KIND: &'static reference::Kind = &super::KIND;
    const NEW: &'static str = "NewProgramme";
    const SHEET: Option<&'static Sheet> = Some(&super::sheet::SHEET);

    fn page(conn: &mut Conn, filter: &ProgrammeFilter, page: &PageRequest, _: ReadContext) -> Result<PageIds> {
        let filtered = |conn: &mut Conn| -> Result<_> {
            let ProgrammeFilter { q, active_on, updated_since, sort: _ } = filter;
            let faults = Faults::default();
            let mut query = programmes::table.into_boxed::<MultiBackend>();
            filter!(query, conn, faults, programmes:
                text(q),
                since(updated_since),
            );
            if let Some(day) = active_on {
                query = query.filter(
                    programmes::starts_on
                        .le(*day)
                        .and(programmes::ends_on.ge(*day).or(programmes::ends_on.is_null()))
                        .assume_not_null(),
                );
            }
            faults.refuse()?;
            Ok(query)
        };
        record_page!(conn, page, filter.sort, filtered, programmes)
    }

    fn load(conn: &mut Conn, ids: &[i64], _: ReadContext) -> Result<Vec<Programme>> {
        let rows: Vec<Row> =
            programmes::table.filter(programmes::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
        let mut cited = citations::load(conn, Self::KIND, ids)?;
        Ok(page::in_order(ids, rows, |row| row.id)
            .map(|row| Programme {
                id: row.id,
                code: Code(row.values.code),
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                name: Text { zh: row.values.name_zh, en: row.values.name_en },
                description: Text::optional(row.values.description_zh, row.values.description_en),
                lead_body: row.values.lead_body,
                starts_on: row.values.starts_on,
                ends_on: row.values.ends_on,
                principles: Text::optional(row.values.principles_zh, row.values.principles_en),
                citations: cited.remove(&row.id).unwrap_or_default(),
            })
            .collect())
    }

    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Programme)>, new: NewProgramme) -> Result<i64> {
        let NewProgramme { code, name, description, lead_body, starts_on, ends_on, principles, citations: _ } = new;
        let (description_zh, description_en) = Text::columns(description.as_ref());
        let (principles_zh, principles_en) = Text::columns(principles.as_ref());
        let values = Values {
            code: code.0,
            name_zh: name.zh,
            name_en: name.en,
            description_zh,
            description_en,
            lead_body,
            starts_on,
            ends_on,
            principles_zh,
            principles_en,
        };
        Ok(put_row!(tx, programmes, before.map(|(id, _)| id), values))
    }

    fn scope(_: &mut Conn, _: i64) -> Result<Scope> {
        Ok(Scope::Shared)
    }

    fn scope_of_new(_: &mut Conn, _: &NewProgramme) -> Result<Option<Scope>> {
        Ok(Some(Scope::Shared))
    }

    fn texts(new: &NewProgramme) -> Vec<&str> {
        let texts = [
            Some(&new.name.zh),
            new.name.en.as_ref(),
            new.description.as_ref().map(|text| &text.zh),
            new.description.as_ref().and_then(|text| text.en.as_ref()),
            new.lead_body.as_ref(),
            new.principles.as_ref().map(|text| &text.zh),
            new.principles.as_ref().and_then(|text| text.en.as_ref()),
        ];
        texts.into_iter().flatten().map(String::as_str).collect()
    }

    record_parts!(Programme, NewProgramme, code required);
}
