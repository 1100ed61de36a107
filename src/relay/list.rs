//! Lists of warnings, newest first, in pages. A page token is the index below which the next page begins: pages stay
//! right while the log grows. Rows are a convenience and unproven; `warning` gives the proofs.

use std::collections::VecDeque;

use super::answers::{Caller, Failure, ListPage, ListQuery};
use super::durable::Durable;
use super::engine::Engine;
use super::page::{no_token, parse_number};
use crate::domain::{AgencyId, DeskAddress, Direction, Principal, RecipientStep, Step, WarningSummary};
use crate::error::ErrorCode;
use crate::journal::{Index, Listed};
use crate::ledger::Facts;
use crate::limits;

const PAGE_DEFAULT: u32 = 100;
/// About what a row and each recipient of it take: a page is bounded in bytes, too.
const ROW_BYTES: usize = limits::ID_CHARS_MAX + 32;

impl Engine {
    pub(super) async fn list(&self, caller: &Caller, query: &ListQuery) -> Result<ListPage, Failure> {
        let durable = self.durable();
        let below = match query.page_token.as_str() {
            "" => durable.size(),
            token => read_token(token)?.min(durable.size()),
        };
        let sources = sources(caller, query, &durable, below)?;
        let size = match query.page_size {
            0 => PAGE_DEFAULT,
            size => size.min(limits::PAGE_MAX),
        };
        let listing = Listing {
            index: self.index.clone(),
            sources,
            open_only: query.open_only,
            desk: query.desk.clone(),
            rows: size as usize,
        };
        let read = move || listing.run();
        self.blocking(read).await?.map_err(|e| self.broken(&e))
    }
}

/// One ordered run of rows.
struct Source {
    agency: AgencyId,
    direction: Direction,
    /// Where the next read begins.
    below: u64,
    rows: VecDeque<Listed>,
    exhausted: bool,
}

/// The runs that a query reads: the caller's own, an auditor's mandators'.
fn sources(
    caller: &Caller,
    query: &ListQuery,
    durable: &Durable,
    below: u64,
) -> Result<Vec<Source>, Failure> {
    let agency = match caller.principal() {
        Principal::Agency(agency) => agency,
        Principal::Root(_) | Principal::Operator(_) => {
            return Err(Failure::new(
                ErrorCode::PermissionDenied,
                "only agencies and auditors have warnings",
            ));
        }
    };
    let mut agencies: Vec<&AgencyId> = vec![agency];
    agencies.extend(durable.directory.mandators_of(agency));
    if let Some(desk) = &query.desk {
        if !durable.directory.sees_for(caller.principal(), desk.agency()) {
            return Err(Failure::new(
                ErrorCode::PermissionDenied,
                "this desk is not yours",
            ));
        }
        agencies.retain(|agency| *agency == desk.agency());
    }
    let mut sources = Vec::new();
    for agency in agencies {
        for direction in [Direction::In, Direction::Out] {
            if query.direction.is_none_or(|wanted| wanted == direction)
                && (query.desk.is_none() || direction == Direction::In)
            {
                sources.push(Source {
                    agency: agency.clone(),
                    direction,
                    below,
                    rows: VecDeque::new(),
                    exhausted: false,
                });
            }
        }
    }
    Ok(sources)
}

impl Source {
    /// The index of its newest row that was not taken yet.
    fn newest(&mut self, index: &Index) -> Result<Option<u64>, String> {
        if self.rows.is_empty() && !self.exhausted {
            const READ: usize = 64;
            let rows = match self.direction {
                Direction::In => index.incoming(&self.agency, self.below, READ),
                Direction::Out => index.outgoing(&self.agency, self.below, READ),
            }
            .map_err(|e| e.to_string())?;
            self.exhausted = rows.len() < READ;
            self.below = rows.last().map_or(self.below, |row| row.index);
            self.rows.extend(rows);
        }
        Ok(self.rows.front().map(|row| row.index))
    }
}

/// A page under construction.
struct Listing {
    index: Index,
    sources: Vec<Source>,
    open_only: bool,
    desk: Option<DeskAddress>,
    rows: usize,
}

impl Listing {
    fn run(mut self) -> Result<ListPage, String> {
        let mut warnings = Vec::new();
        let mut bytes = 0usize;
        // Rows that do not match cost time, too: then a page is short, and says where the next begins.
        for _ in 0..limits::LIST_SCAN_MAX {
            let Some((row, direction)) = self.next()? else {
                return Ok(ListPage {
                    warnings,
                    next_page_token: String::new(),
                });
            };
            let at = row.index;
            if self.desk.is_none() || row.desk == self.desk {
                warnings.extend(self.summary(row, direction)?);
            }
            let recipients = warnings
                .last()
                .map_or(0, |row: &WarningSummary| row.recipients.len());
            bytes = bytes.saturating_add(ROW_BYTES.saturating_mul(recipients.saturating_add(2)));
            if warnings.len() >= self.rows || bytes >= limits::VIEW_BYTES_MAX / 2 {
                return Ok(page(warnings, at));
            }
        }
        let next = self.next()?.map(|(row, _)| row.index);
        Ok(match next {
            Some(next) => page(warnings, next.saturating_add(1)),
            None => ListPage {
                warnings,
                next_page_token: String::new(),
            },
        })
    }

    /// The newest row of all sources.
    fn next(&mut self) -> Result<Option<(Listed, Direction)>, String> {
        let mut newest: Option<(u64, usize)> = None;
        for (at, source) in self.sources.iter_mut().enumerate() {
            if let Some(index) = source.newest(&self.index)? {
                newest = newest.max(Some((index, at)));
            }
        }
        let source = newest.and_then(|(_, at)| self.sources.get_mut(at));
        Ok(source.and_then(|source| Some((source.rows.pop_front()?, source.direction))))
    }

    /// The row as it is shown; none: it does not match.
    fn summary(&self, row: Listed, direction: Direction) -> Result<Option<WarningSummary>, String> {
        let fact = self.index.warning(&row.warning).map_err(|e| e.to_string())?;
        let fact = fact.ok_or_else(|| "a listed warning is unknown".to_owned())?;
        let threads = self.index.threads(&row.warning).map_err(|e| e.to_string())?;
        let recipients: Vec<RecipientStep> = threads
            .into_iter()
            .filter(|(desk, _)| row.desk.as_ref().is_none_or(|own| own == desk))
            .map(|(desk, thread)| RecipientStep {
                desk,
                step: thread.step,
                answer: thread.answer,
            })
            .collect();
        if self.open_only
            && recipients
                .iter()
                .all(|recipient| recipient.step == Step::Answered)
        {
            return Ok(None);
        }
        Ok(Some(WarningSummary {
            digest: row.warning,
            id: fact.id,
            outgoing: direction == Direction::Out,
            index: row.index,
            originator: Principal::Agency(fact.originator),
            status: fact.status,
            warning_type: fact.warning_type,
            precedence: fact.precedence,
            sent: fact.sent,
            expires: fact.expires,
            recipients,
        }))
    }
}

fn page(warnings: Vec<WarningSummary>, below: u64) -> ListPage {
    ListPage {
        warnings,
        next_page_token: format!("{TOKEN}{below:016x}"),
    }
}

/// Says which kind of token it is, so that a later kind is not taken for this one.
const TOKEN: &str = "a";

fn read_token(token: &str) -> Result<u64, Failure> {
    let digits = token.strip_prefix(TOKEN).ok_or_else(no_token)?;
    parse_number(digits).ok_or_else(no_token)
}
