// Times llama.cpp on what candor times itself on, with the means that llama.cpp offers for it: one context
// for all sequences, a prefix computed once and shared by llama_memory_seq_cp, flash attention.
// Prints one line of JSON.
//
//   peer_bench MODEL.gguf --job SHARED,OWN,PROMPTS,SAMPLES,NEW [--batch ROWS]
//   peer_bench MODEL.gguf --prefill TOKENS
//   peer_bench MODEL.gguf --decode ROWS [--after TOKENS] [--new TOKENS]
//   all: [--threads N] [--repeat R], of which the fastest counts
//
// The flags are those of `candor bench`.
//
// Loading the model and a first pass that warms up are not timed. Tokens are arbitrary ids.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "llama.h"

namespace {

[[noreturn]] void fail(const std::string &message) {
    std::fprintf(stderr, "peer_bench: %s\n", message.c_str());
    std::exit(1);
}

/// Flags with their values; each flag takes one.
class Flags {
  public:
    Flags(int argc, char **argv) {
        for (int i = 2; i < argc; i += 2) {
            if (i + 1 == argc || values.count(argv[i]) == 0) fail(std::string("cannot use `") + argv[i] + "`");
            values[argv[i]] = argv[i + 1];
        }
    }

    const std::string &text(const char *flag) const { return values.at(flag); }

    bool has(const char *flag) const { return !text(flag).empty(); }

    int number(const char *flag, int least = 1) const { return numbers(flag, 1, least)[0]; }

    /// `count` whole numbers from `least` up, separated by commas.
    std::vector<int> numbers(const char *flag, size_t count, int least = 1) const {
        std::vector<int> out;
        const char *at = text(flag).c_str();
        while (out.size() < count) {
            char *end = nullptr;
            const long value = std::strtol(at, &end, 10);
            const char expected = out.size() + 1 < count ? ',' : '\0';
            if (end == at || value < least || value > 1'000'000 || *end != expected) {
                fail(std::string("`") + flag + " " + text(flag) + "`: expected " + std::to_string(count) +
                     " whole number(s) from " + std::to_string(least) + " up");
            }
            out.push_back(static_cast<int>(value));
            at = end + 1;
        }
        return out;
    }

  private:
    std::map<std::string, std::string> values = {
        {"--job", ""},    {"--prefill", ""}, {"--decode", ""},  {"--batch", "32"},
        {"--after", "0"}, {"--new", "32"},   {"--threads", "2"}, {"--repeat", "1"},
    };
};

/// A model with the memory for one measurement.
class Engine {
  public:
    /// Most tokens that one call of llama_decode takes.
    static constexpr int batch_max = 2048;
    /// Tokens of the first pass.
    static constexpr int warm_up = 16;

    Engine(const char *path, int threads, int cells, int sequences) {
        // Its errors are worth reading, its progress is not.
        llama_log_set(
            [](ggml_log_level level, const char *text, void *) {
                if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
            },
            nullptr);
        llama_backend_init();
        model = llama_model_load_from_file(path, llama_model_default_params());
        if (model == nullptr) fail(std::string("cannot load `") + path + "`");
        llama_context_params params = llama_context_default_params();
        params.n_ctx = static_cast<uint32_t>(std::max(cells, warm_up));
        params.n_batch = batch_max;
        params.n_seq_max = static_cast<uint32_t>(sequences);
        params.kv_unified = true;
        params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
        params.n_threads = params.n_threads_batch = threads;
        context = llama_init_from_model(model, params);
        if (context == nullptr) fail("cannot make a context; are there more than 256 rows?");
        memory = llama_get_memory(context);
        vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
        batch = llama_batch_init(batch_max, 0, 1);
        for (int i = 0; i < warm_up; i++) add(token(i), i, 0, i == warm_up - 1);
        decode();
        clear();
    }

    ~Engine() {
        llama_batch_free(batch);
        llama_free(context);
        llama_model_free(model);
    }

    Engine(const Engine &) = delete;
    Engine &operator=(const Engine &) = delete;

    /// An arbitrary id of the vocabulary.
    int token(int i) const { return 3 + (i * 7919 & 0x3fffffff) % (vocabulary - 3); }

    void add(int id, int position, int sequence, bool logits) {
        if (batch.n_tokens == batch_max) decode();
        const int i = batch.n_tokens++;
        batch.token[i] = id;
        batch.pos[i] = position;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = sequence;
        batch.logits[i] = logits;
    }

    /// Computes what was added.
    void decode() {
        if (batch.n_tokens == 0) return;
        const int status = llama_decode(context, batch);
        if (status != 0) fail("llama_decode returned " + std::to_string(status));
        llama_synchronize(context);
        batch.n_tokens = 0;
    }

    /// The likeliest id after the token that was the i-th of the last batch.
    int greedy(int i) const {
        const float *logits = llama_get_logits_ith(context, i);
        if (logits == nullptr) fail("no logits");
        // A maximum that the compiler can vectorize, then its place.
        float lanes[16];
        std::fill_n(lanes, 16, -std::numeric_limits<float>::infinity());
        const int whole = vocabulary / 16 * 16;
        for (int v = 0; v < whole; v += 16) {
            for (int l = 0; l < 16; l++) lanes[l] = logits[v + l] > lanes[l] ? logits[v + l] : lanes[l];
        }
        for (int v = whole; v < vocabulary; v++) lanes[0] = std::max(lanes[0], logits[v]);
        const float largest = *std::max_element(lanes, lanes + 16);
        return static_cast<int>(std::find(logits, logits + vocabulary, largest) - logits);
    }

    /// Lets sequence `to` begin with all of `from`, without computing or copying it.
    void share(int from, int to) { llama_memory_seq_cp(memory, from, to, -1, -1); }

    void forget(int sequence) { llama_memory_seq_rm(memory, sequence, -1, -1); }

    void clear() { llama_memory_clear(memory, true); }

  private:
    llama_model *model = nullptr;
    llama_context *context = nullptr;
    llama_memory_t memory = nullptr;
    llama_batch batch{};
    int vocabulary = 0;
};

/// What is measured: the memory it takes, what comes before the clock, what is timed, and its tokens.
struct Measurement {
    const char *what;
    int cells;
    int sequences;
    int tokens;
    std::function<void(Engine &)> prepare;
    std::function<void(Engine &)> run;
};

/// Draws `count` greedy tokens for each row; row r is sequence 1 + r, and its first token is next[r].
void draw(Engine &engine, std::vector<int> next, int position, int count) {
    const int rows = static_cast<int>(next.size());
    for (int i = 0; i < count; i++) {
        for (int row = 0; row < rows; row++) engine.add(next[row], position + i, 1 + row, true);
        engine.decode();
        for (int row = 0; row < rows; row++) next[row] = engine.greedy(row);
    }
}

void compute_prefix(Engine &engine, int tokens) {
    for (int i = 0; i < tokens; i++) engine.add(engine.token(i), i, 0, false);
    engine.decode();
}

/// The two-tier experiment: prompts that begin alike, several samples of each, in waves of at most `rows`.
Measurement job(const Flags &flags) {
    const std::vector<int> sizes = flags.numbers("--job", 5);
    const int shared = sizes[0], own = sizes[1], prompts = sizes[2], samples = sizes[3], fresh = sizes[4];
    const int rows = flags.number("--batch");
    if (rows < samples) fail("`--batch` must hold the samples of one prompt");
    const int wave = std::min(rows / samples, prompts);
    if (wave * own > Engine::batch_max) fail("the prompts of one wave exceed a batch");
    const auto run = [=](Engine &engine) {
        compute_prefix(engine, shared);
        for (int first = 0; first < prompts; first += wave) {
            const int here = std::min(wave, prompts - first);
            for (int p = 0; p < here; p++) {
                engine.share(0, 1 + p * samples);
                for (int i = 0; i < own; i++) {
                    engine.add(engine.token(1000 * (1 + first + p) + i), shared + i, 1 + p * samples, i == own - 1);
                }
            }
            engine.decode();
            std::vector<int> next;
            for (int p = 0; p < here; p++) {
                // Samples of a prompt would all be the same if they began alike.
                const int likeliest = engine.greedy((p + 1) * own - 1);
                for (int s = 0; s < samples; s++) {
                    if (s > 0) engine.share(1 + p * samples, 1 + p * samples + s);
                    next.push_back(engine.token(likeliest + s));
                }
            }
            draw(engine, next, shared + own, fresh);
            for (int row = 0; row < here * samples; row++) engine.forget(1 + row);
        }
    };
    const int cells = shared + wave * own + wave * samples * fresh;
    return {"job", cells, 1 + wave * samples, prompts * samples * fresh, [](Engine &) {}, run};
}

Measurement prefill(const Flags &flags) {
    const int tokens = flags.number("--prefill");
    const auto run = [=](Engine &engine) { compute_prefix(engine, tokens); };
    return {"prefill", tokens, 1, tokens, [](Engine &) {}, run};
}

/// Logits for `rows` sequences at each step; what token follows is given, so that no choice is timed.
Measurement decode(const Flags &flags) {
    const int rows = flags.number("--decode"), after = flags.number("--after", 0), fresh = flags.number("--new");
    const auto prepare = [=](Engine &engine) {
        compute_prefix(engine, after);
        for (int row = 0; row < rows; row++) engine.share(0, 1 + row);
    };
    const auto run = [=](Engine &engine) {
        for (int i = 0; i < fresh; i++) {
            for (int row = 0; row < rows; row++) {
                engine.add(engine.token(i * rows + row), after + i, 1 + row, true);
            }
            engine.decode();
        }
    };
    return {"decode", after + rows * fresh, 1 + rows, rows * fresh, prepare, run};
}

}  // namespace

int main(int argc, char **argv) {
    if (argc < 2) fail("usage: peer_bench MODEL.gguf --job|--prefill|--decode SIZES [--FLAG VALUE]...");
    const Flags flags(argc, argv);
    if (flags.has("--job") + flags.has("--prefill") + flags.has("--decode") != 1) {
        fail("expected one of `--job`, `--prefill` and `--decode`");
    }
    const Measurement m = flags.has("--job") ? job(flags) : flags.has("--prefill") ? prefill(flags) : decode(flags);
    Engine engine(argv[1], flags.number("--threads"), m.cells, m.sequences);

    double best = std::numeric_limits<double>::infinity();
    for (int i = flags.number("--repeat"); i > 0; i--) {
        engine.clear();
        m.prepare(engine);
        const auto start = std::chrono::steady_clock::now();
        m.run(engine);
        const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
        best = std::min(best, elapsed.count());
    }

    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::string name = argv[1];
    name = name.substr(name.find_last_of('/') + 1);
    name = name.substr(0, name.rfind(".gguf"));
    std::printf("{\"engine\":\"llama.cpp\",\"what\":\"%s\",\"model\":\"%s\",\"seconds\":%.6f,"
                "\"tokens_per_second\":%.3f,\"peak_rss_bytes\":%lld}\n",
                m.what, name.c_str(), best, m.tokens / best, static_cast<long long>(usage.ru_maxrss) * 1024);
}
