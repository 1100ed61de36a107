//! What a small world holds: which agencies with which desks and languages, an auditor and an operator.

use crate::cli::Fault;
use crate::domain::{AgencyId, Desk, DeskAddress, Language, OperatorName, StateId};

/// What a world is to hold.
#[derive(Debug, Clone)]
pub struct WorldPlan {
    /// The first part of a new log's origin; the rest is drawn, so that nothing signed for one world is good in another.
    pub host: String,
    /// The agencies.
    pub agencies: Vec<AgencyPlan>,
    /// Whom every agency admits to all that it may see.
    pub auditor: AgencyId,
    /// Who enrols.
    pub operator: OperatorName,
}

/// One agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgencyPlan {
    /// Its id; its profile's name too.
    pub id: AgencyId,
    /// For people.
    pub name: String,
    /// What its officers read, best first.
    pub languages: Vec<Language>,
    /// What it publishes, besides the duty desk that every agency has.
    pub desks: Vec<Desk>,
}

/// State, name, what its officers read, and the desk that the examples write to.
const KNOWN: [(&str, &str, &[&str], &str); 11] = [
    ("be", "Belgium", &["fr", "nl", "en"], "aviation"),
    ("cn", "China", &["zh-Hans", "en"], ""),
    ("de", "Germany", &["de", "en"], ""),
    ("fr", "France", &["fr", "en"], ""),
    ("gb", "Britain", &["en"], ""),
    ("ir", "Iran", &["fa", "en"], ""),
    ("it", "Italy", &["it", "en"], ""),
    ("ma", "Morocco", &["ar", "fr", "en"], ""),
    ("ru", "Russia", &["ru", "en"], ""),
    ("tr", "Türkiye", &["tr", "en"], ""),
    ("us", "United States", &["en"], "aviation"),
];

impl WorldPlan {
    /// A world of these agencies, with the auditor `int.un.audit` and the operator `operator`.
    pub fn new(host: &str, agencies: &[AgencyId]) -> Result<Self, Fault> {
        let mut plans: Vec<AgencyPlan> = Vec::new();
        for agency in agencies {
            if plans.iter().all(|plan| plan.id != *agency) {
                plans.push(AgencyPlan::of(agency.clone())?);
            }
        }
        let plan = Self {
            host: host.to_owned(),
            agencies: plans,
            auditor: parsed("int.un.audit")?,
            operator: parsed("operator")?,
        };
        match plan.agencies.iter().any(|agency| agency.id == plan.auditor) {
            true => Err(Fault::usage(format!("{} is the auditor here", plan.auditor))),
            false => Ok(plan),
        }
    }

    /// The states whose roots are needed, each once.
    pub(super) fn states(&self) -> Vec<StateId> {
        let ids = self.agencies.iter().map(|agency| &agency.id);
        let mut states: Vec<StateId> = ids.chain([&self.auditor]).map(AgencyId::state).collect();
        states.sort();
        states.dedup();
        states
    }
}

impl AgencyPlan {
    /// As the examples need it; an agency of a state that they do not name gets a plain one.
    pub fn of(id: AgencyId) -> Result<Self, Fault> {
        let state = id.state();
        let known = KNOWN.iter().find(|(known, ..)| *known == state.as_str());
        let Some((_, country, languages, desk)) = known else {
            return Ok(Self {
                name: format!("{id} (exercise)"),
                languages: vec![parsed("en")?],
                desks: Vec::new(),
                id,
            });
        };
        let languages: Vec<Language> = languages.iter().map(|it| parsed(it)).collect::<Result<_, _>>()?;
        let mut desks = Vec::new();
        if !desk.is_empty() {
            desks.push(Desk {
                address: parsed::<DeskAddress>(&format!("{id}/{desk}"))?,
                name: format!("{country}, {desk} desk (exercise)"),
                competences: vec![format!("{desk}-security")],
                languages: languages.clone(),
            });
        }
        Ok(Self {
            name: format!("{country}, duty desk (exercise)"),
            languages,
            desks,
            id,
        })
    }
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, Fault>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Fault::usage(error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Every state that has a plan has one that parses; the roots are each needed once, the auditor's too.
    #[test]
    fn plans_parse() {
        let mut ids: Vec<AgencyId> = KNOWN
            .iter()
            .map(|(state, ..)| format!("{state}.ctc").parse().unwrap())
            .collect();
        ids.push("us.faa".parse().unwrap());
        ids.push("us.ctc".parse().unwrap());
        let plan = WorldPlan::new("dev.wardline.invalid", &ids).unwrap();
        assert_eq!(plan.agencies.len(), KNOWN.len() + 1);
        assert_eq!(plan.states().len(), KNOWN.len() + 1);
        assert!(WorldPlan::new("x", &["int.un.audit".parse().unwrap()]).is_err());
    }
}
