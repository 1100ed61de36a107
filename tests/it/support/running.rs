//! A world as `relay dev` makes one, with its relay as a process and everybody enrolled.

use std::path::Path;

use wardline::cli::world::{RelayProcess, World, WorldPlan};
use wardline::domain::AgencyId;

use super::PROGRAM;

/// The world in `directory`, of a log of this origin and these agencies.
pub(crate) async fn running(
    directory: &Path,
    origin: &str,
    agencies: &[&str],
) -> (World, RelayProcess, Vec<AgencyId>) {
    let agencies: Vec<AgencyId> = agencies.iter().map(|id| id.parse().unwrap()).collect();
    let plan = WorldPlan::new(origin, &agencies).unwrap();
    let world = World::open(directory, plan).await.unwrap();
    let relay = RelayProcess::start(Path::new(PROGRAM), &world.config())
        .await
        .unwrap();
    world.remember(relay.serving().listen).unwrap();
    world.enrol(relay.serving()).await.unwrap();
    (world, relay, agencies)
}
