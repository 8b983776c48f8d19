//! `tidegate init`: a repository of contracts, ready to push.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::cli::{CiService, InitArgs};
use crate::exit::Exit;
use crate::screen::say;

/// Files of every repository, by their paths in it.
const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("init/template/README.md")),
    (".pre-commit-config.yaml", include_str!("init/template/pre-commit-config.yaml")),
    ("consumers/finance-reports.yaml", include_str!("init/template/consumer.yaml")),
    ("contracts/shop/orders/v1.odcs.yaml", include_str!("init/template/orders.odcs.yaml")),
    (
        "contracts/shop/orders/tests/expected.yaml",
        include_str!("init/template/expected.yaml"),
    ),
    (
        "contracts/shop/orders/tests/valid/order.json",
        include_str!("init/template/valid_order.json"),
    ),
    (
        "contracts/shop/orders/tests/valid/with_discount.json",
        include_str!("init/template/valid_discount.json"),
    ),
    (
        "contracts/shop/orders/tests/invalid/discount_above_total.json",
        include_str!("init/template/invalid_discount.json"),
    ),
    (
        "contracts/shop/orders/tests/invalid/total_as_text.json",
        include_str!("init/template/invalid_total.json"),
    ),
    (
        "contracts/shop/orders/tests/invalid/without_order_id.json",
        include_str!("init/template/invalid_id.json"),
    ),
];

const OWNERS: &str = include_str!("init/template/CODEOWNERS");

pub(crate) fn run(args: &InitArgs) -> Exit {
    crate::screen::ending(init(args))
}

fn init(args: &InitArgs) -> anyhow::Result<Exit> {
    let folder = &args.folder;
    prepare(folder)?;
    let (pipeline, pipeline_text, owners) = match args.ci {
        CiService::Github => (
            ".github/workflows/contracts.yaml",
            include_str!("init/template/ci/github.yaml"),
            ".github/CODEOWNERS",
        ),
        CiService::Gitlab => (".gitlab-ci.yml", include_str!("init/template/ci/gitlab.yaml"), "CODEOWNERS"),
        CiService::Azure => ("azure-pipelines.yml", include_str!("init/template/ci/azure.yaml"), "CODEOWNERS"),
    };
    let schema = super::schema::text();
    let more = [
        (pipeline, pipeline_text),
        (owners, OWNERS),
        (".editor/contract.schema.json", &schema),
    ];
    for (path, text) in FILES.iter().copied().chain(more) {
        write(&folder.join(path), text)?;
        say(format_args!("{}", folder.join(path).display()));
    }
    say(format_args!(
        "\nNext: cd {0} && tidegate lint . && tidegate test . && git init && git add --all\nThen replace `your-organization` in {owners} and consumers/, \
         and read the first lines of {pipeline}.",
        folder.display()
    ));
    Ok(Exit::Clean)
}

/// The folder is made, or it is empty; a fresh clone, in which there is only `.git`, counts as empty.
fn prepare(folder: &Path) -> anyhow::Result<()> {
    if folder.symlink_metadata().is_ok() && !folder.is_dir() {
        bail!("{}: is not a folder", folder.display());
    }
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    for entry in fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))? {
        let name = entry?.file_name();
        if name != ".git" {
            bail!(
                "{}: is not empty (it has {}); name a new folder, so that nothing of yours is touched",
                folder.display(),
                name.to_string_lossy()
            );
        }
    }
    Ok(())
}

/// A new file; one that has appeared meanwhile is never overwritten.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let what = || format!("{}: cannot be written", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(what)?;
    }
    let mut file = fs::File::create_new(path).with_context(what)?;
    file.write_all(text.as_bytes()).with_context(what)
}
