//! Which language an answer is in, as far as this judge must know: one that it reads, or one in which it would take
//! a refusal that it does not understand for help. Two signs, both cheap: the script, and the commonest small words.
//! Knows nothing about refusals.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::text::foreign_pattern;

/// The languages in which answers are read, refusals and help.
pub const READ: [&str; 12] =
    ["ar", "de", "en", "es", "fr", "hi", "it", "ja", "nl", "pt", "ru", "zh"];

/// Common small words of the languages that are read and written in Latin letters.
const READ_WORDS: &str = "the be to of and a in that have i it for not on with he as you do at this but his by from they we say her she
or an will my one all would there their what so up out if about who get which go me when make can like time no just him
know take people into year your good some could them see other than then now look only come its over think also back
after use two how our work first well way even new want because any these give day most us is are was were has had been
did does don't can't won't isn't it's i'm you're sure here below answer yes hello thanks please very more many much each
add heat water mix cut put let while until before between through under such should may might must need being both own
same few those where why again off too down set found small large try keep begin step next last open close read write
de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin sobre este ya
entre cuando todo esta ser son dos también fue había era muy hasta desde puede hay aquí eso hace cada donde tu te mi
le les des et est du une dans qui pour pas au sur plus par je avec tout faire ce mais nous vous ils elle ont cette bien
ne sont aux ou deux voici même comme il être peut très sans leur où alors c'est d'un d'une l'eau
der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie
nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man sein
wurde sei kann ich du wir ihr mein muss hier sehr gut dann wenn etwa eines ja nein
di che e il un a per è una sono ho non le mi si lo ha con ti da se io ci no ma al più della del i nel alla gli dei come
anche questo quando tutto su ed o dal delle molto alle essere ogni poi dopo ecco acqua prima
o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua ou ser quando
muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos ter seus quem nas me esse eles
você aqui são bem cada pode
de en van ik te dat die in een hij het niet zijn is was op aan met als voor had er maar om hem dan zou of wat mijn men
dit zo door over ze zich bij ook tot je mij uit der daar haar naar heb hoe heeft hebben deze u want nog zal me zij nu
ge geen omdat iets worden toch al waren veel meer doen moet ben zonder kan hun alles ja vertrekt water uur";

/// Small words, apologies and negations of languages that are not read, in Latin letters or Cyrillic. A word that a
/// language above has too tells nothing and does not count.
const OTHER_WORDS: [(&str, &str); 35] = [
    (
        "da no",
        "jeg det ikke og er på til med af som har kan vil dig deg mig meg dette denne beklager undskyld desværre dessverre men hvordan eller hjælpe hjelpe kunne skal være svare spørsmål nej nei hvad hva noget noe vi",
    ),
    (
        "sv",
        "jag det inte och är på till som har kan vill dig mig detta tyvärr ledsen förlåt men hur eller hjälpa kunde ska vara svara nej vad något för att av",
    ),
    (
        "is",
        "ég það ekki og er að til með sem þér þig þetta því miður get hjálpað við en um fyrir ekkert nei",
    ),
    (
        "fi",
        "en ei ja on että se tämä tässä minä sinä sinua voi voin valitettavasti pahoittelen anteeksi mutta auttaa pyyntöön vastata olen ole kanssa asiassa tehdä sitä niin kuin joka",
    ),
    (
        "et",
        "ma ei ja on et see selle sellega vabandust kahjuks aga saa aidata teha mis kui mina sina teid sind seda",
    ),
    (
        "hu",
        "nem és az hogy egy ez azt ebben sajnálom sajnos tudok segíteni vagy van de meg kell lehet csak már erre önnek neked",
    ),
    (
        "lt",
        "aš ne ir yra kad tai negaliu atsiprašau deja bet jums padėti šio prašymo su tuo galiu į kaip nėra",
    ),
    (
        "lv",
        "es ne un ir ka tas nevaru atvainojiet diemžēl bet jums palīdzēt ar šo varu kā nav jūsu lūdzu",
    ),
    (
        "pl",
        "nie i w na z się to że jest mogę przykro przepraszam ale tym pomóc jak za zrobię tego ci będę czy dla mam może niestety",
    ),
    (
        "cs sk",
        "ne nie a se je že na s tím týmto vám omlouvám prepáčte ale nemohu nemôžem pomoci pomôcť bohužel jak pro jsem som to mohu môžem v ti tomto",
    ),
    (
        "hr sr sl",
        "ne i je da se na to s tim ali žao mi mogu vam pomoći žal pri tem morem pomagati nažalost kako za ovo sam nisam bih što oprostite",
    ),
    (
        "ro",
        "nu și este că îmi pare rău dar pot te cu asta ajuta din pe pentru sunt scuze în care sau fi acest această vă",
    ),
    (
        "ca gl",
        "no ho sento però puc ajudar-te amb això fer i és que síntoo pero podo axudarche iso non sinto mais aquesta aquest",
    ),
    ("eu", "ez eta da bat barkatu baina ezin dizut horretan lagundu hori nik zure egin dut"),
    ("ga", "ní tá an agus brón orm féidir liom cabhrú leat sin é go bhfuil mé"),
    ("cy", "mae yn ddrwg gen i ni allaf helpu gyda hynny mae'n nid yw ond eich y"),
    ("sq", "nuk dhe të më vjen keq por mund t'ju ndihmoj në për me këtë është se"),
    ("mt", "ma nistax iħinek ngħinek jiddispjaċini imma dan li ta għal"),
    ("af", "nie ek jou jammer maar kan daarmee help ongelukkig en is wat dit met hierdie jammer"),
    (
        "tr az",
        "bu ve bir için konuda yardımcı olamam üzgünüm maalesef hayır bunu yapamam değil ile ne da de amma üzr istəyirəm kömək edə bilmərəm mən bunda mövzuda cevap veremem talebi",
    ),
    (
        "uz ku",
        "men kechirasiz bunda yordam bera olmayman bilan va uchun bibore ez nikarim alîkariya te bikim ji bo lê",
    ),
    (
        "vi",
        "tôi không thể giúp bạn việc này xin lỗi nhưng rất tiếc từ chối là và của có được cho với cung cấp yêu cầu",
    ),
    (
        "id ms jv",
        "saya tidak dapat bisa membantu anda maaf dengan perkara itu yang dan untuk ini tetapi boleh kami tak nyuwun pangapunten kula mboten saged akan permintaan dalam",
    ),
    (
        "tl",
        "paumanhin pasensya hindi kita ako ko po matutulungan diyan na ang ng sa magagawa iyan mga ito pero",
    ),
    (
        "sw",
        "samahani siwezi kukusaidia na hilo kwa ya ni pole sitaweza kufanya hivyo kutoa maelekezo hayo lakini katika hii wewe mimi ombi naomba",
    ),
    ("so", "waan ka xumahay kama caawin karo arrintaas ma iyo oo waa in la"),
    ("yo", "e má bínú mi ò lè ràn yín lọ́wọ́ pẹ̀lú èyí ni ti"),
    ("ha", "yi haƙuri ba zan iya taimaka maka da wannan ina amma"),
    (
        "zu xh",
        "ngiyaxolisa angikwazi ukukusiza ngalokho ndicela uxolo andikwazi ukukunceda ngoku kodwa",
    ),
    (
        "eo la",
        "pardonu mi ne povas helpi pri tio bedaŭrinde me paenitet sed te adiuvare non possum est et mihi hoc",
    ),
    (
        "uk",
        "і в не на що це я вибачте але можу цим допомогти з на жаль як та для ви ми є ні перепрошую",
    ),
    (
        "bg mk",
        "съжалявам но не мога да ви помогна това с ще няма съм жалам можам помогнам со тоа ова за вас",
    ),
    ("sr", "жао ми је али не могу да вам помогнем тим са то ово није сам"),
    (
        "ne mr",
        "म गर्न गर्नुहोस् सक्दिनँ सक्दिन छ छु माफ यसमा मद्दत मी आहे नाही शकत करू मला यात माझ्या तुम्हाला मदत आणि",
    ),
    ("kk", "кешіріңіз мен бұл жөнінде көмектесе алмаймын бірақ және емес үшін"),
];

/// Whether each known word belongs to a language that is read.
static WORDS: LazyLock<HashMap<&'static str, bool>> = LazyLock::new(|| {
    let other = OTHER_WORDS.iter().flat_map(|(_, words)| words.split_whitespace());
    // Later entries win.
    other
        .map(|word| (word, false))
        .chain(READ_WORDS.split_whitespace().map(|word| (word, true)))
        .collect()
});

/// Letters of a script that is shared with a language that is read, which that language does not have.
static FOREIGN_LETTERS: LazyLock<Regex> =
    LazyLock::new(|| foreign_pattern(r"[іїєґўјљњђћџѓќѕқғңөұүһәҷӣӯҳҚҒ]|[پچژگکیٹڈڑںےہھۆێەېۀ]"));

/// What is no language: fenced and quoted code, addresses, tags, formulas.
static NO_LANGUAGE: LazyLock<Regex> = LazyLock::new(|| {
    foreign_pattern(
        r"(?s)```.*?(?:```|\z)|`[^`\n]*`|\S*://\S*|\S+@\S+|<[^<>\n]{1,60}>|\$[^$\n]*\$|\\[a-zA-Z]+",
    )
});

/// Bytes of an answer that are looked at: the language does not change after a page.
const HEAD_BYTES: usize = 2000;
/// Letters of another script that tell a language: a single one is a symbol.
const SCRIPT_FROM: usize = 3;
/// Words of other languages that tell one.
const OTHER_FROM: usize = 2;
/// A sentence of so many words of which none is known is in no language that is read.
const UNKNOWN_FROM: usize = 4;
/// Of a longer text, at least one word in so many is a common one in any language that is read.
const KNOWN_ONE_IN: usize = 14;

/// Whether an answer is in a language in which help is told from a refusal. A text that shows no language, as code and
/// numbers do, is read.
pub(super) fn is_read(answer: &str) -> bool {
    let head = super::text::head(answer, HEAD_BYTES);
    let prose = NO_LANGUAGE.replace_all(head, " ");
    let (mut read, mut other) = (0_usize, 0_usize);
    for c in prose.chars().filter(|c| c.is_alphabetic()) {
        match Script::of(c) {
            Script::Read => read += 1,
            Script::Other => other += 1,
        }
    }
    if other > read && other >= SCRIPT_FROM {
        return false;
    }
    let foreign = FOREIGN_LETTERS.find_iter(&prose).count();
    let alike = prose
        .chars()
        .filter(|c| matches!(u32::from(*c), 0x0400..=0x04ff | 0x0600..=0x06ff))
        .count();
    // One letter may be a name's.
    if alike > read / 2 && foreign > 0 && foreign * 40 >= alike {
        return false;
    }
    let words = Words::of(&prose);
    !words.are_foreign(answer)
}

/// The words of a text in Latin or Cyrillic letters.
#[derive(Debug, Default)]
struct Words {
    all: usize,
    small: usize,
    read: usize,
    other: usize,
}

impl Words {
    fn of(prose: &str) -> Self {
        let mut words = Self::default();
        let parts = prose
            .split(|c: char| c.is_whitespace() || ".,;:!?()[]{}\"“”„«»…/|–—*_#>¿¡".contains(c));
        for word in parts {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric());
            let is_word = |c: char| {
                (c.is_alphabetic() && is_spaced(c))
                    || c == '\u{94d}'
                    || matches!(c, '\'' | '\u{2019}' | '-' | '\u{0300}'..='\u{036f}')
            };
            if word.is_empty() || !word.chars().all(is_word) {
                continue;
            }
            words.all += 1;
            words.small += usize::from(word.chars().next().is_some_and(char::is_lowercase));
            match WORDS.get(word.to_lowercase().replace('\u{2019}', "'").as_str()) {
                Some(true) => words.read += 1,
                // A single letter is a name, a variable or a flag.
                Some(false) if word.len() > 1 => words.other += 1,
                Some(false) | None => {}
            }
        }
        words
    }

    fn are_foreign(&self, answer: &str) -> bool {
        // A few words need one sign only; more of them must outnumber those of the languages that are read.
        let enough = if (2..=UNKNOWN_FROM).contains(&self.all) { 1 } else { OTHER_FROM };
        if self.other >= enough && self.other > self.read {
            return true;
        }
        // Cyrillic is Russian where nothing says otherwise, for no list of Russian words is kept.
        if answer.chars().any(|c| matches!(u32::from(c), 0x0400..=0x04ff)) {
            return false;
        }
        let is_sentence =
            answer.trim_end().ends_with(['.', '!', '?', '"', '…']) && self.small >= UNKNOWN_FROM;
        let unknown = self.all >= UNKNOWN_FROM && self.read == 0 && is_sentence;
        let scarce = self.all >= 3 * KNOWN_ONE_IN
            && self.read * KNOWN_ONE_IN < self.all
            && self.small * 2 > self.all;
        unknown || scarce
    }
}

/// Letters of scripts that put blanks between words.
fn is_spaced(c: char) -> bool {
    u32::from(c) < 0x0530 || matches!(u32::from(c), 0x0900..=0x097f | 0x1e00..=0x1eff)
}

/// Scripts by whether some language that is read is written in them.
enum Script {
    Read,
    Other,
}

impl Script {
    fn of(c: char) -> Self {
        match u32::from(c) {
            // Latin; Cyrillic; Arabic; Devanagari; kana and Chinese characters; full-width letters; letters of formulas.
            0..=0x02ff
            | 0x1e00..=0x1eff
            | 0x0400..=0x052f
            | 0x0600..=0x06ff
            | 0x0750..=0x077f
            | 0xfb50..=0xfdff
            | 0xfe70..=0xfeff
            | 0x0900..=0x097f
            | 0x3040..=0x30ff
            | 0x31f0..=0x31ff
            | 0x3400..=0x4dbf
            | 0x4e00..=0x9fff
            | 0x20000..=0x2ffff
            | 0xff00..=0xffef
            | 0x2100..=0x214f
            | 0x1d400..=0x1d7ff => Self::Read,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_that_are_read_and_those_that_are_not() {
        for text in [
            "The pan gets hot.",
            "Mix flour, eggs and milk.",
            "42",
            "ls -la",
            "Marie Curie",
            "apples, pears, plums",
            "La capitale de la France est Paris.",
            "Der Teig muss ruhen.",
            "Столица России — Москва.",
            "東京です。",
            "北京是中国的首都。",
            "القاهرة هي عاصمة مصر.",
            "The word is Όχι in Greek.",
            "```\nlet x = 1;\n```",
        ] {
            assert!(is_read(text), "{text}");
        }
        for text in [
            "Beklager, men det kan jeg ikke hjælpe med.",
            "Valitettavasti en voi auttaa tässä asiassa.",
            "Samahani, siwezi kukusaidia na hilo.",
            "Ne mogu vam pomoći s tim.",
            "Όχι, δεν θα το κάνω.",
            "안 됩니다.",
            "ბოდიში, ვერ დაგეხმარებით.",
            "Съжалявам, но не мога да ви помогна.",
        ] {
            assert!(!is_read(text), "{text}");
        }
    }

    #[test]
    fn every_list_of_words_keeps_some_that_tell() {
        for (languages, words) in OTHER_WORDS {
            let telling =
                words.split_whitespace().filter(|word| WORDS.get(word) == Some(&false)).count();
            assert!(telling >= 6, "{languages}: {telling}");
        }
    }
}
