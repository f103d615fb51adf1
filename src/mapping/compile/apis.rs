//! Files of services of AWS made ready: operations by the protocols that their models declare.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Compiler, Context};
use crate::io::yaml::Located;
use crate::mapping::dispatch::{self, ACTION, Apis, Closed, Dispatch, NameSource, Names, Routes};
use crate::mapping::document::{Path, Sought};
use crate::mapping::file::{self, Api, File};

impl Compiler<'_> {
    /// Operations are keyed by their service's name, a dot and their own.
    pub(super) fn apis(&mut self, file: &File, apis: &[Api], context: &Context<'_>) -> Dispatch {
        let versions: HashSet<&String> = apis.iter().filter_map(|api| api.version.as_ref()).collect();
        let mut compiled = Apis {
            query: None,
            targets: HashMap::new(),
            cbor: HashMap::new(),
            routes: Routes::new(Some(Closed::open()), Vec::new(), parameters(file)),
            has_routes: false,
        };
        if !versions.is_empty() {
            let Some(path) = self.keep(&file.dispatch, Path::parse(&format!("$.params.{ACTION}"))) else {
                return Dispatch::Aws(Box::new(compiled));
            };
            compiled.query = Some(Names {
                source: NameSource::Parameter(ACTION.into()),
                sought: Sought::new(&[&path]),
                exact: HashMap::new(),
                prefixes: Vec::new(),
                versioned: versions.len() > 1,
            });
        }
        for operation in file.prefixes.values() {
            self.wrong(operation, "`prefixes` are for dispatch by parameter or header");
        }
        for (name, operation) in &file.operations {
            let api = apis
                .iter()
                .find_map(|api| Some((api, name.strip_prefix(&api.name)?.strip_prefix('.')?)));
            match api {
                Some((api, short)) => self.api(&mut compiled, file, (api, short), (name, operation), context),
                None => self.wrong(operation, "the name begins with none of the services' in `dispatch`"),
            }
        }
        compiled.routes.settle();
        Dispatch::Aws(Box::new(compiled))
    }

    fn api(
        &mut self,
        apis: &mut Apis,
        file: &File,
        (api, short): (&Api, &str),
        (name, operation): (&str, &Located<file::Operation>),
        context: &Context<'_>,
    ) {
        if operation.value.call.is_some() || !operation.value.calls.is_empty() {
            apis.has_routes = true;
            for (method, template) in self.calls(operation) {
                self.route(&mut apis.routes, file, (name, operation), &method, template, context);
            }
            return;
        }
        if let (Some(version), Some(names)) = (&api.version, &mut apis.query)
            && let Some(compiled) = self.operation(file, name, operation, None, context)
        {
            names.exact.insert(names.key(Some(version), short).into(), compiled);
        }
        if api.target.is_none() && api.cbor.is_none() {
            return;
        }
        let Some(compiled) = self.operation(file, name, operation, None, context).map(Arc::new) else {
            return;
        };
        if let Some(prefix) = &api.target {
            apis.targets
                .insert(format!("{prefix}.{short}").into(), compiled.clone());
        }
        if let Some(service) = &api.cbor {
            let path = format!("/service/{service}/operation/{short}");
            apis.cbor.insert(path.into(), compiled);
        }
    }
}

/// All parameters of all paths: AWS takes each for any text.
fn parameters(file: &File) -> HashSet<Box<str>> {
    let operations = file.operations.values().map(|operation| &operation.value);
    let calls = operations.flat_map(|operation| operation.call.iter().chain(&operation.calls));
    let segments = calls.flat_map(|call| call.split('?').next().unwrap_or_default().split('/'));
    segments
        .filter_map(|segment| Some(dispatch::slot(segment)?.1.trim_end_matches(['+', '*']).into()))
        .collect()
}
