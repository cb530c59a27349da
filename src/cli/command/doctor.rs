//! `candor doctor`: what there is on this machine to compute with, and what may be promised of it. Makes no
//! network request; reads no model but a bundled one, where GPUs are to be held against the CPU.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::args::DoctorArgs;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, show};
use crate::decoder::{CpuDecoder, DeviceChoice, kernels, tensor};
use crate::error::{Error, Result};
use crate::events::visible;
use crate::machine::{DeviceCheck, check_device, memory};
use crate::model::hub::cache_folder;

/// Variables other than `CANDOR_…` that change where things are found or how they are shown.
const HEEDED: [&str; 9] = [
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_ENDPOINT",
    "HF_HUB_OFFLINE",
    "HF_TOKEN",
    "XDG_CACHE_HOME",
    "NO_COLOR",
    "RAYON_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
];

/// What `--json` prints.
#[derive(Serialize)]
struct Findings {
    version: &'static str,
    operating_system: &'static str,
    architecture: &'static str,
    instruction_set: &'static str,
    /// Cores that this process may use; none where the system does not say.
    cores: Option<usize>,
    /// Threads that would compute.
    threads: usize,
    memory_available_bytes: Option<usize>,
    kernel_sets: Vec<KernelSet>,
    self_check: Vec<Checked>,
    devices: Vec<Found>,
    /// What GPUs were found to compute, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu: Option<Vec<DeviceCheck>>,
    hub_cache: Option<HubCache>,
    /// Variables that candor heeds, with their values, null where they are not set; of a token only `set`.
    environment: BTreeMap<String, Option<String>>,
}

#[derive(Serialize)]
struct KernelSet {
    name: &'static str,
    numerics: &'static str,
}

#[derive(Serialize)]
struct Checked {
    instruction_set: &'static str,
    /// Whether its products have the bits of the definition.
    agrees: bool,
}

#[derive(Serialize)]
struct Found {
    name: String,
    built_in: bool,
    present: bool,
    /// What the device calls itself, or why it cannot be used.
    detail: String,
    /// What may be promised of tokens drawn there; none where nothing can be drawn.
    promise: Option<String>,
}

#[derive(Serialize)]
struct HubCache {
    folder: PathBuf,
    exists: bool,
}

/// Exit code 1 if this processor, or a GPU that was to be looked at, computes something else than it should.
///
/// # Errors
/// GPUs are to be looked at and there is none, or one of them cannot compute.
pub(in crate::cli) fn doctor(args: &DoctorArgs, talk: &Talk) -> Result<ExitCode> {
    let mut findings = findings();
    if args.gpu {
        findings.gpu = Some(gpus(&findings.devices, talk)?);
    }
    let sound = findings.self_check.iter().all(|checked| checked.agrees)
        && findings.gpu.iter().flatten().all(|check| check.agrees);
    if args.json { show::json(&findings) } else { show(&text(&findings)) }?;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn findings() -> Findings {
    let kernel_sets = CpuDecoder::KERNEL_SETS.into_iter();
    let self_check = kernels::self_check().into_iter();
    Findings {
        version: env!("CARGO_PKG_VERSION"),
        operating_system: std::env::consts::OS,
        architecture: std::env::consts::ARCH,
        instruction_set: kernels::instruction_set(),
        cores: std::thread::available_parallelism().ok().map(std::num::NonZero::get),
        threads: rayon::current_num_threads(),
        memory_available_bytes: memory::available_bytes(),
        kernel_sets: kernel_sets.map(|(name, numerics)| KernelSet { name, numerics }).collect(),
        self_check: self_check
            .map(|(instruction_set, agrees)| Checked { instruction_set, agrees })
            .collect(),
        devices: devices(),
        gpu: None,
        hub_cache: hub_cache(),
        environment: environment(),
    }
}

/// Every GPU that is there, held against the CPU.
fn gpus(devices: &[Found], talk: &Talk) -> Result<Vec<DeviceCheck>> {
    let present = devices.iter().filter(|device| device.present && device.name != "cpu");
    let checks = present.map(|found| {
        let device = DeviceChoice::parse(&found.name)?.open()?;
        check_device(&found.name, &device, talk).map_err(|error| error.within(&found.name))
    });
    let checks: Vec<_> = checks.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    if checks.is_empty() {
        let why = devices.iter().filter(|device| device.name != "cpu");
        let why = why.map(|device| format!("{}: {}", device.name, device.detail));
        return Err(Error::failed("there is no GPU to look at")
            .hint(visible(&why.collect::<Vec<_>>().join("; "))));
    }
    Ok(checks)
}

fn devices() -> Vec<Found> {
    let cpu = Found {
        name: "cpu".into(),
        built_in: true,
        present: true,
        detail: kernels::instruction_set().into(),
        promise: Some(CpuDecoder::PROMISE.into()),
    };
    let mut found = vec![cpu];
    // CUDA devices are numbered from 0 without gaps; the first that is not there ends the list.
    for number in 0.. {
        let device = gpu(&format!("cuda:{number}"));
        let present = device.present;
        if number == 0 || present {
            found.push(device);
        }
        if !present {
            break;
        }
    }
    found.push(gpu("metal"));
    found
}

fn gpu(name: &str) -> Found {
    let absent = |built_in, detail: String| Found {
        name: name.to_owned(),
        built_in,
        present: false,
        detail,
        promise: None,
    };
    let choice = match DeviceChoice::parse(name) {
        Ok(choice) => choice,
        Err(error) => {
            let hint = error.hint_text().unwrap_or_default();
            return absent(false, format!("not built in: {hint}"));
        }
    };
    match choice.open() {
        Ok(device) => Found {
            name: name.to_owned(),
            built_in: true,
            present: true,
            detail: tensor::device_name(&device),
            promise: Some(format!("{}, where a model's self-test finds so", tensor::PROMISE)),
        },
        Err(error) => absent(true, error.to_string()),
    }
}

/// Where downloaded models lie.
fn hub_cache() -> Option<HubCache> {
    let folder = cache_folder().ok()?;
    Some(HubCache { exists: folder.is_dir(), folder })
}

fn environment() -> BTreeMap<String, Option<String>> {
    let set = std::env::vars_os().map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    });
    let set = set.filter(|(name, _)| name.starts_with("CANDOR_") || HEEDED.contains(&&**name));
    let shown = set.map(|(name, value)| {
        let secret = name == "HF_TOKEN";
        let value = if secret { "set".to_owned() } else { without_credentials(value) };
        (name, Some(value))
    });
    HEEDED.into_iter().map(|name| (name.to_owned(), None)).chain(shown).collect()
}

/// An address without the user and password that it may carry.
fn without_credentials(value: String) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => format!("{scheme}://…{}", &rest[user.len()..]),
        None => value,
    }
}

fn text(findings: &Findings) -> String {
    let unknown = || "unknown".to_owned();
    let mb = |bytes: usize| format!("{:.0} MB", bytes as f64 / 1e6);
    let mut text = show::pairs([
        ("candor", findings.version.to_owned()),
        ("system", format!("{} on {}", findings.operating_system, findings.architecture)),
        ("instruction set", findings.instruction_set.to_owned()),
        ("cores", findings.cores.map_or_else(unknown, |cores| cores.to_string())),
        ("threads", findings.threads.to_string()),
        ("memory available", findings.memory_available_bytes.map_or_else(unknown, mb)),
        (
            "hub cache",
            match &findings.hub_cache {
                Some(HubCache { folder, exists }) => {
                    let note = if *exists { "" } else { " (does not exist yet)" };
                    visible(&folder.display().to_string()) + note
                }
                None => "unknown: there is no home folder".to_owned(),
            },
        ),
    ]);
    text += "\n";
    let sets = findings.kernel_sets.iter();
    text += &show::table(
        &["kernels for", "numerics"],
        &[],
        sets.map(|set| vec![set.name.to_owned(), set.numerics.to_owned()]),
    );
    text += "\n";
    let agrees = |agrees| if agrees { "agrees bit by bit" } else { "DIFFERS: do not trust it" };
    let checked = findings.self_check.iter();
    text += &show::table(
        &["instruction set", "self-check"],
        &[],
        checked.map(|c| vec![c.instruction_set.to_owned(), agrees(c.agrees).to_owned()]),
    );
    text += "\n";
    let devices = findings.devices.iter().map(|device| {
        let promise = device.promise.clone().unwrap_or_else(|| "-".into());
        vec![device.name.clone(), promise, visible(&device.detail)]
    });
    text += &show::table(&["device", "promise", "detail"], &[], devices);
    text += "\n";
    if let Some(checks) = &findings.gpu {
        let rows = checks.iter().map(|check| {
            vec![
                visible(&check.numerics),
                if check.agrees { "agrees with the CPU" } else { "DIFFERS: do not trust it" }
                    .into(),
                format!("{:.1e}", check.largest_difference),
                check.promise.clone(),
                format!(
                    "{} of {} rows in {:.2} ms",
                    check.launches,
                    check.rows,
                    check.step_seconds * 1e3
                ),
            ]
        });
        let head =
            ["numerics", "self-check", "largest difference", "promise", "operations of a step"];
        text += &show::table(&head, &[], rows);
        text += "\n";
    }
    let environment = findings.environment.iter().map(|(name, value)| {
        vec![visible(name), value.as_deref().map_or_else(|| "not set".into(), visible)]
    });
    text + &show::table(&["environment", "value"], &[], environment)
}

#[cfg(test)]
mod tests {
    use crate::cli::command::doctor::without_credentials;

    #[test]
    fn credentials_in_addresses_are_left_out() {
        let shown = |value: &str| without_credentials(value.to_owned());
        assert_eq!(shown("https://user:word@host:8/path@x"), "https://…@host:8/path@x");
        assert_eq!(shown("https://host/a@b"), "https://host/a@b");
        assert_eq!(shown("1"), "1");
    }
}
