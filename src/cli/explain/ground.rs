//! What a map was made from: what an explanation asks again.

use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;

use crate::cli::chain;
use crate::config::Config;
use crate::geo::Atlas;
use crate::geo::Database;
use crate::latency::Orders;
use crate::model::Policy;
use crate::model::Region;
use crate::model::Service;
use crate::snapshot::atlas;

/// With the databases in memory.
pub(in crate::cli) struct Ground {
    pub(super) atlas: Atlas,
    pub(super) orders: Arc<Orders>,
    pub(super) regions: Vec<Region>,
    pub(super) policies: Vec<Policy>,
    pub(super) services: Vec<Service>,
    /// The names of the vantage groups, by id.
    pub(super) vantage_groups: Vec<String>,
}

/// What a node keeps of it: the databases by their paths, since no query needs them.
#[derive(Clone)]
pub(in crate::cli) struct Recipe {
    databases: Vec<PathBuf>,
    nets: Vec<(IpNet, String)>,
    orders: Arc<Orders>,
    regions: Vec<Region>,
    policies: Vec<Policy>,
    services: Vec<Service>,
    vantage_groups: Vec<String>,
}

impl Ground {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            atlas: atlas(&config.databases, &config.nets, &config.policies, &config.orders),
            orders: Arc::clone(&config.orders),
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
            orders: Arc::clone(&config.orders),
            regions: config.regions.clone(),
            policies: config.policies.clone(),
            services: config.services.clone(),
            vantage_groups: config.vantages.groups.clone(),
        }
    }

    /// Reads the databases again, for what is known of places. Blocks.
    ///
    /// # Errors
    ///
    /// One line, if one of them can't be read any more.
    pub(in crate::cli) fn atlas(&self) -> Result<Atlas, String> {
        let open = |path: &PathBuf| Database::open(path).map(Arc::new);
        let databases: Result<Vec<_>, _> = self.databases.iter().map(open).collect();
        let databases = databases.map_err(|error| chain(&error))?;
        Ok(atlas(&databases, &self.nets, &self.policies, &self.orders))
    }

    /// The same with other orders, which steer as those it has.
    pub(in crate::cli) fn with_orders(&self, orders: Orders) -> Self {
        Self { orders: Arc::new(orders), ..self.clone() }
    }

    /// The names of the regions, by position.
    pub(in crate::cli) fn region_names(&self) -> Vec<&str> {
        self.regions.iter().map(|region| region.name.as_str()).collect()
    }

    /// Reads the databases again. Blocks.
    ///
    /// # Errors
    ///
    /// One line, if one of them can't be read any more.
    pub(super) fn follow(&self) -> Result<Ground, String> {
        Ok(Ground {
            atlas: self.atlas()?,
            orders: Arc::clone(&self.orders),
            regions: self.regions.clone(),
            policies: self.policies.clone(),
            services: self.services.clone(),
            vantage_groups: self.vantage_groups.clone(),
        })
    }
}
