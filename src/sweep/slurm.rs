//! What a Slurm cluster is asked: the scripts of an array task and of the merge, and the arguments of `sbatch`
//! (Slurm 22.05 manual pages of sbatch, scontrol and squeue). Starts nothing.

use serde::{Deserialize, Serialize};

use super::file::SlurmEntry;

/// `slurm/submission.json`: the jobs that were asked for last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Id of the job array.
    pub array: String,
    /// Id of the job that merges.
    pub merge: String,
    /// Tasks of the array.
    pub shards: usize,
}

/// Seconds before the time limit at which a task stops, unless the file says otherwise.
const STOP_AHEAD: u32 = 120;

/// A word of a shell command that means itself.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A task of the array: one shard. Ahead of the time limit Slurm sends USR1 to the shell, which has the command
/// finish its step and sync, and puts the task back into the queue, where it goes on from there.
pub fn array_script(entry: &SlurmEntry, command: &[String]) -> String {
    format!(
        "#!/bin/bash\n{}{} --shard \"$SLURM_ARRAY_TASK_ID/{}\" &\n\
         work=$!\n\
         again() {{\n\
         \x20   kill -TERM \"$work\"; wait \"$work\"; code=$?\n\
         \x20   if [ \"$code\" -eq 130 ]; then\n\
         \x20       scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID\"\n\
         \x20   fi\n\
         \x20   exit \"$code\"\n\
         }}\n\
         trap again USR1\n\
         wait \"$work\"\n",
        setup(entry),
        words(command),
        entry.shards
    )
}

/// The job that merges, whatever became of the tasks: it names what is missing.
pub fn merge_script(entry: &SlurmEntry, command: &[String]) -> String {
    format!("#!/bin/bash\n{}exec {}\n", setup(entry), words(command))
}

fn setup(entry: &SlurmEntry) -> String {
    entry.setup.as_ref().map_or_else(String::new, |lines| format!("{}\n", lines.trim_end()))
}

fn words(command: &[String]) -> String {
    command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// What `sbatch` is given for the array, or for the merge after the array of this id.
pub fn sbatch_arguments(entry: &SlurmEntry, logs: &str, after: Option<&str>) -> Vec<String> {
    let mut arguments = vec!["--parsable".to_owned(), "--open-mode=append".into()];
    let given = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("--{name}={value}"))
    };
    arguments.extend(given("partition", &entry.partition));
    arguments.extend(given("account", &entry.account));
    arguments.extend(given("qos", &entry.qos));
    match after {
        None => {
            let most = entry.at_once.map_or_else(String::new, |most| format!("%{most}"));
            arguments.push("--job-name=candor".into());
            arguments.push(format!("--array=1-{}{most}", entry.shards));
            arguments.push("--requeue".into());
            arguments.push(format!("--signal=B:USR1@{}", entry.stop_ahead.unwrap_or(STOP_AHEAD)));
            arguments.push(format!("--output={logs}/%A_%a.log"));
            arguments.extend(given("constraint", &entry.constraint));
            arguments.extend(given("time", &entry.time));
            arguments.extend(given("gres", &entry.gres));
            arguments.extend(given("mem", &entry.mem));
            arguments.extend(entry.cpus_per_task.map(|n| format!("--cpus-per-task={n}")));
        }
        Some(id) => {
            arguments.push("--job-name=candor-merge".into());
            arguments.push(format!("--dependency=afterany:{id}"));
            arguments.push(format!("--output={logs}/%j-merge.log"));
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_themselves() {
        assert_eq!(quoted("a b$(c)"), "'a b$(c)'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
