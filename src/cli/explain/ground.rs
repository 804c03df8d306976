//! What a map was made from: what an explanation asks again.

use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;

use crate::cli::chain;
use crate::config::Config;
use crate::geo::Atlas;
use crate::geo::Database;
use crate::model::Policy;
use crate::model::Region;
use crate::model::Service;
use crate::snapshot::atlas;

/// With the databases in memory.
pub(in crate::cli) struct Ground {
    pub(super) atlas: Atlas,
    pub(super) regions: Vec<Region>,
    pub(super) policies: Vec<Policy>,
    pub(super) services: Vec<Service>,
    /// The names of the vantage groups, by id.
    pub(super) vantage_groups: Vec<String>,
}

/// What a node keeps of it: the databases by their paths, since no query needs them.
pub(in crate::cli) struct Recipe {
    databases: Vec<PathBuf>,
    nets: Vec<(IpNet, String)>,
    regions: Vec<Region>,
    policies: Vec<Policy>,
    services: Vec<Service>,
    vantage_groups: Vec<String>,
}

impl Ground {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            atlas: atlas(&config.databases, &config.nets, &config.policies),
            regions: config.regions.clone(),
            policies: config.policies.clone(),
            services: config.services.clone(),
            vantage_groups: config.vantages.groups.clone(),
        }
    }
}

impl Recipe {
    pub(in crate::cli) fn of(config: &Config) -> Self {
        Self {
            databases: config.databases.iter().map(|d| PathBuf::from(d.label())).collect(),
            nets: config.nets.clone(),
            regions: config.regions.clone(),
            policies: config.policies.clone(),
            services: config.services.clone(),
            vantage_groups: config.vantages.groups.clone(),
        }
    }

    /// Reads the databases again. Blocks.
    ///
    /// # Errors
    ///
    /// One line, if one of them can't be read any more.
    pub(super) fn follow(&self) -> Result<Ground, String> {
        let open = |path: &PathBuf| Database::open(path).map(Arc::new);
        let databases: Result<Vec<_>, _> = self.databases.iter().map(open).collect();
        let databases = databases.map_err(|error| chain(&error))?;
        Ok(Ground {
            atlas: atlas(&databases, &self.nets, &self.policies),
            regions: self.regions.clone(),
            policies: self.policies.clone(),
            services: self.services.clone(),
            vantage_groups: self.vantage_groups.clone(),
        })
    }
}
