// Several processes as one: c10d's Gloo over a TCPStore, and what training asks of it. A bridge with this is compiled only where gloo's
// headers are and a process joins a group; the plain one refuses.
#pragma once
#include "values.h"

#ifdef CINELOOP_DIST

namespace {

struct Group {
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;

  auto start(at::Tensor& t) {
    std::vector<at::Tensor> one{t};
    return gloo->allreduce(one);
  }
  void sum(at::Tensor t) { start(t)->wait(); }
};

// Averager sums gradients over the group while the backward pass still runs. Parameters are laid into buckets in the reverse of their
// order, which is about the order in which their gradients are ready; a bucket is sent when it and all before it are complete, so that every
// process sends the same buckets in the same order.
struct Averager {
  using Work = decltype(std::declval<Group>().start(std::declval<at::Tensor&>()));
  struct Bucket {
    std::vector<size_t> params;
    at::Tensor flat;
    size_t pending = 0;
    Work work;
  };

  Group& group;
  std::vector<at::Tensor> params;
  std::vector<size_t> bucketOf;
  std::vector<Bucket> buckets;
  std::vector<std::pair<std::shared_ptr<torch::autograd::Node>, uintptr_t>> hooks;
  bool armed = false;
  size_t next = 0; // bucket to be sent

  Averager(Group& g, std::vector<at::Tensor> ps, int64_t bytes) : group(g), params(std::move(ps)), bucketOf(params.size()) {
    int64_t size = 0;
    for (size_t k = params.size(); k-- > 0;) {
      const auto& p = params[k];
      TORCH_CHECK(p.requires_grad() && p.is_leaf(), "parameter ", k, " has no gradient");
      const bool other = !buckets.empty() && params[buckets.back().params[0]].scalar_type() != p.scalar_type();
      if (buckets.empty() || size >= bytes || other) {
        buckets.emplace_back();
        size = 0;
      }
      buckets.back().params.push_back(k);
      bucketOf[k] = buckets.size() - 1;
      size += p.numel() * p.element_size();
    }
    for (auto& b : buckets) {
      int64_t n = 0;
      for (size_t k : b.params) n += params[k].numel();
      b.flat = call("aten::zeros", {c10::List<int64_t>({n}), static_cast<int64_t>(params[b.params[0]].scalar_type())});
    }
    for (size_t k = 0; k < params.size(); ++k) {
      auto node = torch::autograd::impl::grad_accumulator(params[k]);
      const auto key = node->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
          [this, k](const torch::autograd::variable_list& out, const torch::autograd::variable_list&) {
            ready(k);
            return out;
          }));
      hooks.emplace_back(std::move(node), key);
    }
  }

  ~Averager() {
    for (auto& h : hooks) h.first->del_post_hook(h.second);
  }

  // ATen.h is not included (see bridge.cpp), so the few operators are called by name.
  static at::Tensor call(const char* name, Stack stack) {
    auto op = c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
    const auto& arguments = op.schema().arguments();
    for (size_t i = stack.size(); i < arguments.size(); ++i) stack.push_back(*arguments[i].default_value());
    op.callBoxed(&stack);
    return stack.empty() ? at::Tensor() : stack[0].toTensor();
  }

  // part is where parameter k lies in its bucket.
  template <class F>
  void each(Bucket& b, F f) {
    int64_t at = 0;
    for (size_t k : b.params) {
      const int64_t n = params[k].numel();
      f(params[k], call("aten::narrow", {b.flat, static_cast<int64_t>(0), at, n}));
      at += n;
    }
  }

  void arm() {
    for (auto& b : buckets) {
      b.pending = b.params.size();
      b.work = Work();
    }
    next = 0;
    armed = true;
  }

  void ready(size_t k) {
    if (!armed) return;
    auto& b = buckets[bucketOf[k]];
    if (b.pending > 0) --b.pending;
    for (; next < buckets.size() && buckets[next].pending == 0; ++next) send(buckets[next]);
  }

  void send(Bucket& b) {
    const bool was = c10::GradMode::is_enabled();
    c10::GradMode::set_enabled(false);
    each(b, [&](at::Tensor& p, at::Tensor to) {
      at::Tensor g = p.grad();
      TORCH_CHECK(g.defined(), "a parameter took no part in the loss");
      call("aten::copy_", {to, call("aten::reshape", {g, c10::List<int64_t>({-1})})});
    });
    c10::GradMode::set_enabled(was);
    b.work = group.start(b.flat);
  }

  // finish waits for all buckets and puts the group's mean where the gradients are.
  void finish() {
    armed = false;
    TORCH_CHECK(next == buckets.size(), "the gradients of ", buckets.size() - next, " of ", buckets.size(), " buckets are not complete");
    const bool was = c10::GradMode::is_enabled();
    c10::GradMode::set_enabled(false);
    const double share = 1.0 / group.gloo->getSize();
    for (auto& b : buckets) {
      b.work->wait();
      Stack s{b.flat, share};
      c10::Dispatcher::singleton().findSchemaOrThrow("aten::mul_", "Scalar").callBoxed(&s);
      each(b, [&](at::Tensor& p, at::Tensor from) {
        c10::List<int64_t> shape;
        for (int64_t d : p.sizes()) shape.push_back(d);
        call("aten::copy_", {p.grad(), call("aten::reshape", {from, shape})});
      });
    }
    c10::GradMode::set_enabled(was);
  }
};

std::map<int64_t, std::unique_ptr<Group>>& groups() {
  static auto* all = new std::map<int64_t, std::unique_ptr<Group>>;
  return *all;
}

std::map<int64_t, std::unique_ptr<Averager>>& averagers() {
  static auto* all = new std::map<int64_t, std::unique_ptr<Averager>>;
  return *all;
}

template <class T>
T& found(std::map<int64_t, std::unique_ptr<T>>& all, int64_t id) {
  const auto it = all.find(id);
  TORCH_CHECK(it != all.end(), "this group is closed");
  return *it->second;
}

int64_t added(int64_t& counter) { return ++counter; }

// SumOver is a sum over the group that the gradient passes through: the derivative of every process's loss by every process's input is
// the sum of the derivatives by the output.
struct SumOver : public torch::autograd::Function<SumOver> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, at::Tensor x, int64_t group) {
    ctx->saved_data["group"] = group;
    at::Tensor y = Averager::call("aten::clone", {x});
    found(groups(), group).sum(y);
    return y;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    at::Tensor g = Averager::call("aten::contiguous", {grads[0]});
    g = Averager::call("aten::clone", {g});
    found(groups(), ctx->saved_data["group"].toInt()).sum(g);
    return {g, at::Tensor()};
  }
};

// (rank, size, host, port, timeout in ms) -> (group)
void distJoin(Stack& s) {
  const auto timeout = std::chrono::milliseconds(pop(s).toInt());
  const auto port = static_cast<uint16_t>(pop(s).toInt());
  const std::string host = pop(s).toStringRef();
  const int size = static_cast<int>(pop(s).toInt()), rank = static_cast<int>(pop(s).toInt());
  c10d::TCPStoreOptions at;
  at.port = port;
  at.isServer = rank == 0;
  at.numWorkers = static_cast<std::size_t>(size);
  at.timeout = timeout;
#if TORCH_AT_LEAST(2, 4)
  at.useLibUV = false;
#endif
  auto store = c10::make_intrusive<c10d::TCPStore>(host, at);
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  const bool local = host == "127.0.0.1" || host == "localhost" || host == "::1";
  options->devices.push_back(local ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                   : c10d::ProcessGroupGloo::createDefaultDevice());
  options->threads = 2;
  auto g = std::make_unique<Group>();
  g->gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, options);
  static int64_t counter = 0;
  const int64_t id = added(counter);
  groups()[id] = std::move(g);
  s.push_back(id);
}

// (group, tensors) -> (): sums in place
void distSum(Stack& s) {
  auto tensors = popTensors(s);
  auto& g = found(groups(), pop(s).toInt());
  for (auto& t : tensors) g.sum(t);
}

// (group, tensor) -> (sum), differentiable
void distSumOver(Stack& s) {
  const at::Tensor t = pop(s).toTensor();
  const int64_t id = pop(s).toInt();
  s.push_back(SumOver::apply(t, id));
}

// (group, root, tensors) -> (): overwrites them with the root's
void distBroadcast(Stack& s) {
  auto tensors = popTensors(s);
  c10d::BroadcastOptions o;
  o.rootRank = pop(s).toInt();
  auto& g = found(groups(), pop(s).toInt());
  for (auto& t : tensors) {
    std::vector<at::Tensor> one{t};
    g.gloo->broadcast(one, o)->wait();
  }
}

void distLeave(Stack& s) { groups().erase(pop(s).toInt()); }

// (group, parameters, bytes of a bucket) -> (averager, buckets)
void distAverager(Stack& s) {
  const int64_t bytes = pop(s).toInt();
  auto params = popTensors(s);
  auto& g = found(groups(), pop(s).toInt());
  static int64_t counter = 0;
  const int64_t id = added(counter);
  averagers()[id] = std::make_unique<Averager>(g, std::move(params), bytes);
  s.push_back(id);
  s.push_back(static_cast<int64_t>(averagers()[id]->buckets.size()));
}

void distArm(Stack& s) { found(averagers(), pop(s).toInt()).arm(); }
void distFinish(Stack& s) { found(averagers(), pop(s).toInt()).finish(); }
void distDrop(Stack& s) { averagers().erase(pop(s).toInt()); }

} // namespace

#else

namespace {
void refuseDist(Stack&) { TORCH_CHECK(false, "this bridge was compiled without c10d"); }
} // namespace

#endif
