#include "lab/recipe/recipe.h"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <functional>
#include <limits>
#include <type_traits>

#include "framework/tensor/error.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/names.h"
#include "models/registry.h"

namespace ebb {
namespace {

// How TOML writes a value.
enum class Written { plain, quoted, list };

// A key of T, a Recipe or a GroupRecipe, with its way from and to text.
template <class T>
struct Field {
  const char* key;
  std::string help;
  Written written;
  std::function<void(T&, std::string_view)> set;
  std::function<std::string(const T&)> get;
};

struct Section {
  const char* title;
  std::vector<Field<Recipe>> fields;
};

// What an optional value is that is not set.
constexpr std::string_view unset = "default";

template <class Number>
Number parse(const char* key, std::string_view value, Number low, Number high) {
  Number number{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || !(number >= low && number <= high))
    fail(key, text("\"", value, "\""), text("a number from ", low, " to ", high));
  return number;
}

// What has the keys of Owner's members, and the way to such a member.
template <class Owner>
using KeysOf = std::conditional_t<std::same_as<Owner, GroupRecipe>, GroupRecipe, Recipe>;
template <class T>
auto& at(Recipe& recipe, T Recipe::*member) {
  return recipe.*member;
}
template <class T>
auto& at(Recipe& recipe, T Augmentation::*member) {
  return recipe.augment.*member;
}
template <class T>
auto& at(GroupRecipe& group, T GroupRecipe::*member) {
  return group.*member;
}
template <class Keys, class Owner, class T>
const T& at(const Keys& keys, T Owner::*member) {
  return at(const_cast<Keys&>(keys), member);
}

// Numbers and flags, optional ones too: the word "default" unsets those.
template <class Owner, class T, class Parse>
Field<KeysOf<Owner>> plain(const char* key, const char* help, T Owner::*member, Parse from_text) {
  using Keys = KeysOf<Owner>;
  constexpr bool optional = requires(T value) { value.reset(); };
  return {key, help, Written::plain,
          [=](Keys& keys, std::string_view value) {
            if constexpr (optional) {
              if (value == unset) return at(keys, member).reset();
            }
            at(keys, member) = from_text(value);
          },
          [=](const Keys& keys) {
            if constexpr (optional) return at(keys, member) ? text(*at(keys, member)) : std::string(unset);
            else return text(at(keys, member));
          }};
}

template <class T>
struct Inner {
  using type = T;
};
template <class T>
struct Inner<std::optional<T>> {
  using type = T;
};
template <class T>
using InnerOf = typename Inner<T>::type;

template <class Owner, class T>
auto number(const char* key, const char* help, T Owner::*member, InnerOf<T> low,
            InnerOf<T> high = std::numeric_limits<InnerOf<T>>::max()) {
  return plain(key, help, member, [=](std::string_view value) { return parse(key, value, low, high); });
}

template <class Owner, class T>
auto flag(const char* key, const char* help, T Owner::*member) {
  return plain(key, help, member, [=](std::string_view value) {
    require_choice(key, value, {"true", "false"});
    return value == "true";
  });
}

// UTF-8 without control characters: what TOML, JSON, HTML and terminals all take.
bool one_line(std::string_view value) {
  for (std::size_t i = 0; i < value.size();) {
    const auto byte = [&](std::size_t k) { return k < value.size() ? static_cast<unsigned char>(value[k]) : 0u; };
    const unsigned lead = byte(i);
    const std::size_t more = lead < 0x80 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0x20 || lead == 0x7f || (lead >= 0x80 && lead < 0xc2) || lead > 0xf4) return false;
    unsigned code = more == 0 ? lead : lead & (0x3fu >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      if ((byte(i + k) & 0xc0u) != 0x80) return false;
      code = code << 6 | (byte(i + k) & 0x3fu);
    }
    constexpr unsigned least[] = {0, 0x80, 0x800, 0x10000};
    if (code >= 0x80 && code < 0xa0) return false;
    if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += more + 1;
  }
  return true;
}

std::string with_choices(std::string help, const std::vector<std::string>& choices) {
  for (const std::string& choice : choices) help += (&choice == &choices.front() ? ": " : ", ") + choice;
  return help;
}

template <class Owner>
Field<KeysOf<Owner>> words(const char* key, const std::string& help, std::string Owner::*member,
                           const std::vector<std::string>& choices = {}, bool (*accepts)(std::string_view) = nullptr) {
  using Keys = KeysOf<Owner>;
  return {key, with_choices(help, choices), Written::quoted,
          [=](Keys& keys, std::string_view value) {
            if (!choices.empty() && !(accepts != nullptr && accepts(value))) require_choice(key, value, choices);
            if (!one_line(value)) fail(key, "bytes that are no line of UTF-8", "a line of text");
            at(keys, member) = value;
          },
          [=](const Keys& keys) { return at(keys, member); }};
}

// An enumeration, optional or not, whose values are 0, 1, ... in the order of `choices`.
template <class Owner, class T>
Field<KeysOf<Owner>> word(const char* key, const std::string& help, T Owner::*member,
                          const std::vector<std::string>& choices) {
  using Keys = KeysOf<Owner>;
  constexpr bool optional = requires(T value) { value.reset(); };
  return {key, with_choices(help, choices), Written::quoted,
          [=](Keys& keys, std::string_view value) {
            if constexpr (optional) {
              if (value == unset) return at(keys, member).reset();
            }
            require_choice(key, value, choices);
            at(keys, member) = static_cast<InnerOf<T>>(std::ranges::find(choices, value) - choices.begin());
          },
          [=](const Keys& keys) {
            const std::optional<InnerOf<T>> value = at(keys, member);
            return value ? choices[static_cast<std::size_t>(*value)] : std::string(unset);
          }};
}

// A list of numbers, optional or not.
template <class T>
Field<Recipe> numbers(const char* key, const char* help, T Recipe::*member, typename InnerOf<T>::value_type low,
                      typename InnerOf<T>::value_type high) {
  constexpr bool optional = requires(T value) { value.reset(); };
  return {key, help, Written::list,
          [=](Recipe& recipe, std::string_view value) {
            if constexpr (optional) {
              if (value == unset) return (recipe.*member).reset();
            }
            InnerOf<T> list;
            while (!value.empty()) {
              const std::size_t comma = std::min(value.find(','), value.size());
              std::string_view one = value.substr(0, comma);
              while (one.starts_with(' ')) one.remove_prefix(1);
              while (one.ends_with(' ')) one.remove_suffix(1);
              list.push_back(parse(key, one, low, high));
              value.remove_prefix(std::min(comma + 1, value.size()));
            }
            recipe.*member = std::move(list);
          },
          [=](const Recipe& recipe) {
            const std::optional<InnerOf<T>> list = recipe.*member;
            std::string out;
            if (!list) return std::string(unset);
            for (const auto value : *list) out += (out.empty() ? "" : ", ") + text(value);
            return out;
          }};
}

constexpr double most = 1e6;
constexpr std::int64_t many = 1'000'000;
constexpr double below_one = 0.999999999;

// The one table of keys: parsing, printing, files and help follow it. A key is a member of Recipe and a line here.
// clang-format off
const std::vector<Section>& sections() {
  using R = Recipe;
  using A = Augmentation;
  static const std::vector<Section> all = {
    {"data", {
      words("name", "name of the recipe", &R::name),
      words("data", "data set", &R::data, data_names()),
      words("data_dir", "directory of its files", &R::data_dir),
      number("validation", "share of the training half that is held out to judge by", &R::validation, 0.0, 0.9),
      number("batch", "images in a step", &R::batch, 1, many),
      flag("drop_last", "leave out a last, smaller batch", &R::drop_last),
      number("prefetch", "batches made ahead by a thread; 0: none", &R::prefetch, 0, 64),
    }},
    {"augmentation", {
      word("flip", "mirror left to right", &A::flip, {"none", "random", "alternating"}),
      number("crop", "pad by this, then cut out at random", &A::crop, 0, 1024),
      word("border", "what lies outside", &A::border, {"zero", "reflect"}),
      number("translate", "largest shift along each axis, in pixels", &A::translate, 0.0, 1024.0),
      number("rotate", "largest turn, in degrees", &A::rotate, 0.0, 180.0),
      number("brightness", "largest number added to an image", &A::brightness, 0.0, 100.0),
      number("contrast", "factor 1 +- this on the distance from the image's mean", &A::contrast, 0.0, 1.0),
      number("saturation", "factor 1 +- this on the distance from the grey value", &A::saturation, 0.0, 1.0),
      number("cutout", "side of a square that is erased", &A::cutout, 0, 1024),
      number("mixup", "alpha of mixup; 0: none", &A::mixup, 0.0, 1000.0),
      number("cutmix", "alpha of cutmix; 0: none", &A::cutmix, 0.0, 1000.0),
      number("mix_share", "share of samples that are mixed", &A::mix_share, 0.0, 1.0),
      number("label_noise", "share of samples with a wrong label", &A::label_noise, 0.0, 1.0),
    }},
    {"model", {
      words("model", "model by name, of any depth", &R::model, model_names(), is_model_name),
      word("norm", "of convolutional networks but lenet, mnistcnn", &R::norm, {"batch", "layer", "group", "none"}),
      number("norm_groups", "groups of channels of the norm group", &R::norm_groups, 1, 4096),
      word("shortcut", "where the shape changes, of resnets", &R::shortcut, {"padding", "projection"}),
      number("dropout", "probability of dropping: wrn, preresnet, mobilenetv2", &R::dropout, 0.0, below_one),
      number("width", "channels of the first convolution of resnet9", &R::width, 1, 4096),
      numbers("hidden", "widths of the hidden layers of mlp", &R::hidden, 1, 65536),
    }},
    {"optimizer", {
      words("optimizer", "optimizer by name", &R::optimizer, optimizer_names()),
      number("lr", "learning rate at the peak of the schedule", &R::lr, 0.0),
      number("momentum", "momentum of sgd (0.9 here), lars, rmsprop, muon", &R::momentum, 0.0, below_one),
      number("dampening", "dampening of sgd's momentum", &R::dampening, 0.0, 1.0),
      flag("nesterov", "Nesterov's form of momentum: sgd, muon", &R::nesterov),
      number("beta1", "share of the mean of gradients that stays: adam and its kin, lion", &R::beta1, 0.0, below_one),
      number("beta2", "likewise of the mean of squares", &R::beta2, 0.0, below_one),
      number("alpha", "likewise of rmsprop; rho of adadelta", &R::alpha, 0.0, below_one),
      number("eps", "under or beside the root", &R::eps, 0.0, 1.0),
      flag("amsgrad", "divide by the largest second moment so far: adam, adamw", &R::amsgrad),
      flag("centered", "rmsprop without the mean", &R::centered),
      number("trust", "trust coefficient of lars", &R::trust, 0.0, most),
      number("momentum_decay", "psi of nadam", &R::momentum_decay, 0.0, most),
      number("lr_decay", "of adagrad", &R::lr_decay, 0.0, most),
      number("adam_lr", "learning rate of what muon leaves to adam", &R::adam_lr, 0.0, most),
    }},
    {"schedule", {
      number("epochs", "passes over the training data", &R::epochs, 0, many),
      words("schedule", "learning rate over the run", &R::schedule, schedule_names()),
      number("warmup_epochs", "linear warm-up before the schedule, in epochs", &R::warmup_epochs, 0.0, most),
      number("warmup_start", "multiplier that the warm-up begins with", &R::warmup_start, 0.0, 1.0),
      number("schedule_start", "multiplier that one_cycle begins with", &R::schedule_start, 0.0, 1.0),
      number("schedule_end", "multiplier that the falling schedules end with", &R::schedule_end, 0.0, 1.0),
      number("rising", "share of the run that one_cycle, triangular, trapezoid rise", &R::rising, 0.0, 1.0),
      number("falling", "share of the run that trapezoid falls", &R::falling, 0.0, 1.0),
      number("power", "of the schedule polynomial", &R::power, 0.0, 100.0),
      number("factor", "of the schedules step, multi_step, exponential (in an epoch)", &R::factor, 0.0, 1.0),
      number("step_epochs", "epochs between the steps of the schedule step", &R::step_epochs, 0.0, most),
      numbers("milestones", "epochs of the steps of multi_step", &R::milestones, 0.0, most),
      number("period_epochs", "first period of cosine_restarts", &R::period_epochs, 0.0, most),
      number("period_growth", "growth of its periods", &R::period_growth, 1.0, 100.0),
      flag("plateau", "reduce the lr when the judged loss stops falling", &R::plateau),
      number("plateau_factor", "what it multiplies the lr by", &R::plateau_factor, 1e-6, below_one),
      number("plateau_patience", "evaluations without improvement that it bears", &R::plateau_patience, 0, many),
    }},
    {"weight decay", {
      words("decay", "kind of weight decay", &R::decay, decay_names()),
      number("lambda", "its strength", &R::lambda, 0.0),
      number("l1", "strength of the L1 part of the elastic nets", &R::l1, 0.0),
      words("decay_on", "what decays", &R::decay_on, decay_policies()),
      words("lambda_schedule", "lambda over the run", &R::lambda_schedule, {"constant", "cosine", "linear", "same"}),
      number("decay_from_epoch", "no decay before it", &R::decay_from_epoch, 0.0, most),
      number("decay_until_epoch", "no decay from it on; 0: to the end", &R::decay_until_epoch, 0.0, most),
      flag("toward_start", "decay towards the starting values instead of zero", &R::toward_start),
      number("layerwise_lr", "each layer's lr is this times that of the next one", &R::layerwise_lr, 1e-6, 1.0),
    }},
    {"loss and gradient", {
      number("label_smoothing", "share of the target spread over all classes", &R::label_smoothing, 0.0, below_one),
      words("clip", "what is clipped of the gradient", &R::clip, {"none", "value", "norm", "group_norm"}),
      number("clip_limit", "its largest size", &R::clip_limit, 1e-12),
      number("accumulate", "batches whose gradients are averaged for one update", &R::accumulate, 1, many),
      words("non_finite", "at NaN or infinity", &R::non_finite, {"abort", "skip", "rollback"}),
    }},
    {"averages", {
      number("ema", "moving average of the weights: share that stays; 0: none", &R::ema, 0.0, below_one),
      flag("ema_warm_up", "forget its start quickly", &R::ema_warm_up),
      number("lookahead", "steps between the synchronisations of lookahead; 0: none", &R::lookahead, 0, many),
      number("lookahead_alpha", "how far its slow weights go", &R::lookahead_alpha, 1e-6, 1.0),
    }},
    {"evaluation", {
      number("evaluate_every", "epochs between evaluations", &R::evaluate_every, 1, many),
      flag("tta_flip", "judge the mean over an image and its mirror image", &R::tta_flip),
      number("tta_translate", "judge the mean over shifts by this many pixels too", &R::tta_translate, 0, 16),
      flag("use_best", "end with the weights of the best evaluation; needs validation", &R::use_best),
      number("patience", "evaluations without improvement that end the run; 0: never", &R::patience, 0, many),
      number("min_improvement", "accuracy that counts as an improvement", &R::min_improvement, 0.0, 1.0),
    }},
    {"run", {
      number("seed", "seed of everything random", &R::seed, 0),
      number("threads", "threads; 0 for as many as the process may use", &R::threads, 0, 1024),
      words("out", "run directory", &R::out),
      number("log_every", "steps between lines of the log; 0: epochs only", &R::log_every, 0, many),
      number("save_minutes", "minutes between checkpoints within an epoch; 0: none", &R::save_minutes, 0.0, most),
      number("save_steps", "steps between checkpoints; 0: none", &R::save_steps, 0, many),
    }},
  };
  return all;
}

const std::vector<Field<GroupRecipe>>& group_fields() {
  using G = GroupRecipe;
  static const std::vector<Field<G>> all = {
    words("name", "name of the group", &G::name),
    words("select", "which parameters", &G::select),
    words("decay", "kind of decay", &G::decay, decay_names()),
    number("lambda", "its strength", &G::lambda, 0.0),
    number("l1", "strength of the L1 part", &G::l1, 0.0),
    number("lr_scale", "multiplies the learning rate", &G::lr_scale, 0.0),
    number("momentum", "momentum, beta1 of the Adam family", &G::momentum, 0.0, below_one),
    number("max_norm", "largest norm of an output channel", &G::max_norm, 1e-12),
    flag("adam", "whether Adam updates the group of Muon", &G::adam),
    flag("may_be_empty", "whether the group may take no parameter", &G::may_be_empty),
  };
  return all;
}
// clang-format on

const Field<Recipe>& field(std::string_view key) {
  for (const Section& section : sections())
    for (const Field<Recipe>& f : section.fields)
      if (f.key == key) return f;
  if (key == "groups") fail("recipe", "the key \"groups\" as text", "[[groups]] in a recipe file");
  std::vector<std::string> known;
  for (const RecipeKey& each : recipe_keys()) known.emplace_back(each.key);
  fail("recipe", text("the key \"", key, "\""), "a known key", suggestion(key, known));
}

std::string quote(const std::string& value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

template <class Keys>
std::string toml_line(const Field<Keys>& f, const Keys& keys) {
  const std::string value = f.get(keys);
  const bool quoted = f.written == Written::quoted || value == unset;
  return text(f.key, " = ", quoted ? quote(value) : f.written == Written::list ? text('[', value, ']') : value, '\n');
}

}  // namespace

std::vector<RecipeKey> recipe_keys() {
  std::vector<RecipeKey> keys;
  for (const Section& section : sections())
    for (const Field<Recipe>& f : section.fields) keys.push_back({section.title, f.key, f.help});
  return keys;
}

void set(Recipe& recipe, std::string_view key, std::string_view value) { field(key).set(recipe, value); }

void apply_settings(Recipe& recipe, const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos) fail("--set", text("\"", setting, "\""), "key=value, for example --set lr=0.05");
    set(recipe, setting.substr(0, equals), setting.substr(equals + 1));
  }
}

std::string get(const Recipe& recipe, std::string_view key) { return field(key).get(recipe); }

void set(GroupRecipe& group, std::string_view key, std::string_view value) {
  std::vector<std::string> known;
  for (const Field<GroupRecipe>& f : group_fields()) {
    if (f.key == key) return f.set(group, value);
    known.emplace_back(f.key);
  }
  fail("groups", text("the key \"", key, "\""), "a known key", suggestion(key, known));
}

std::string to_toml(const Recipe& recipe) {
  std::string out;
  for (const Section& section : sections()) {
    out += text(out.empty() ? "" : "\n", "# ", section.title, '\n');
    for (const Field<Recipe>& f : section.fields) out += toml_line(f, recipe);
  }
  for (const GroupRecipe& group : recipe.groups) {
    out += "\n[[groups]]\n";
    for (const Field<GroupRecipe>& f : group_fields())
      if (f.get(group) != f.get(GroupRecipe{})) out += toml_line(f, group);
  }
  return out;
}

}  // namespace ebb
