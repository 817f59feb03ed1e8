// Small perceptrons, a whole pass a call: Linear, ReLU, batch normalisation and dropout, repeated, and a last Linear. In networks of a
// few thousand parameters the dispatcher's calls cost more than the arithmetic; here a batch stays in the processor's nearest cache
// from the first layer to the last. torch/mlp.go is the other end.
//
// Rows of the working memory are padded with zeros to whole vectors, so that no loop has a tail. Sums go in one fixed order.
#pragma once
#include "builtins.h"

#pragma GCC push_options
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")

#define INLINE inline __attribute__((always_inline))

namespace {
namespace mlp {

constexpr int64_t kLanes = 8;
constexpr float kEps = 1e-5f, kMomentum = 0.1f; // torch's defaults for batch normalisation
typedef float Lanes __attribute__((vector_size(32), aligned(4), may_alias));

INLINE int64_t padded(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

// One Linear with what follows it; offsets count from the start of the parameters (or of their gradients).
struct Layer {
  int64_t in, out, pad; // pad: padded(out)
  int64_t w, b = -1, gamma = -1, beta = -1;
  int64_t stats = -1;         // mean [out], variance [out]
  int64_t relu, dropped, batch; // in the work of a training pass: two [rows, pad]; mean and 1/deviation [2, pad]
};

struct Net {
  std::vector<Layer> layers;
  float *theta, *stats; // stats null: no normalisation
  int64_t widest = 0;   // padded
};

struct Masks {
  std::vector<const float*> rows; // of each hidden layer [rows, out]; empty without dropout
  INLINE const float* at(size_t i) const { return rows.empty() ? nullptr : rows[i]; }
};

// C [m, n] = bias + A·B, n padded; element (r, p) of A is a[r·rs + p·cs], B [k, n] has rows of n.
template <int R, int V>
INLINE void tile(float* c, int64_t n, int64_t k, const float* a, int64_t rs, int64_t cs, const float* b, const float* bias) {
  Lanes sum[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) sum[r][v] = bias ? *reinterpret_cast<const Lanes*>(bias + v * kLanes) : Lanes{};
  for (int64_t p = 0; p < k; ++p) {
    Lanes row[V];
    for (int v = 0; v < V; ++v) row[v] = *reinterpret_cast<const Lanes*>(b + p * n + v * kLanes);
    for (int r = 0; r < R; ++r) {
      const float x = a[r * rs + p * cs];
      for (int v = 0; v < V; ++v) sum[r][v] += x * row[v];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) *reinterpret_cast<Lanes*>(c + r * n + v * kLanes) = sum[r][v];
}

template <int V>
INLINE void columns(float* c, int64_t m, int64_t n, int64_t k, const float* a, int64_t rs, int64_t cs, const float* b, const float* bias) {
  int64_t r = 0;
  for (; r + 4 <= m; r += 4) tile<4, V>(c + r * n, n, k, a + r * rs, rs, cs, b, bias);
  for (; r < m; ++r) tile<1, V>(c + r * n, n, k, a + r * rs, rs, cs, b, bias);
}

INLINE void product(float* c, int64_t m, int64_t n, int64_t k, const float* a, int64_t rs, int64_t cs, const float* b, const float* bias) {
  int64_t j = 0;
  for (; j + 2 * kLanes <= n; j += 2 * kLanes) columns<2>(c + j, m, n, k, a, rs, cs, b + j, bias ? bias + j : nullptr);
  if (j < n) columns<1>(c + j, m, n, k, a, rs, cs, b + j, bias ? bias + j : nullptr);
}

// Wᵀ [in, pad] of w [out, in], each column times scale where given.
INLINE void transposed(const float* w, const Layer& l, const float* scale, float* wt) {
  for (int64_t p = 0; p < l.in; ++p) {
    const float s = scale ? scale[p] : 1;
    for (int64_t o = 0; o < l.out; ++o) wt[p * l.pad + o] = w[o * l.in + p] * s;
    for (int64_t o = l.out; o < l.pad; ++o) wt[p * l.pad + o] = 0;
  }
}

// n values with zeros up to pad; at < 0: all zeros.
INLINE void widen(const float* from, int64_t at, int64_t n, int64_t pad, float* to) {
  for (int64_t i = 0; i < pad; ++i) to[i] = i < n && at >= 0 ? from[at + i] : 0;
}

// A training pass over x [rows, in].
INLINE void forward(const Net& net, int64_t rows, const float* x, const Masks& masks, float* work, float* scratch, float* out) {
  float *bias = scratch, *gamma = bias + net.widest, *beta = gamma + net.widest, *wt = beta + net.widest;
  const float* input = x;
  int64_t stride = net.layers[0].in;
  for (size_t i = 0; i < net.layers.size(); ++i) {
    const Layer& l = net.layers[i];
    float* __restrict y = work + l.relu;
    transposed(net.theta + l.w, l, nullptr, wt);
    widen(net.theta, l.b, l.out, l.pad, bias);
    product(y, rows, l.pad, l.in, input, stride, 1, wt, bias);
    if (i + 1 == net.layers.size()) {
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t o = 0; o < l.out; ++o) out[r * l.out + o] = y[r * l.pad + o];
      return;
    }
    for (int64_t e = 0; e < rows * l.pad; ++e) y[e] = y[e] > 0 ? y[e] : 0;
    float* __restrict z = work + l.dropped;
    if (net.stats) {
      float *__restrict mean = work + l.batch, *__restrict inv = mean + l.pad;
      widen(net.theta, l.gamma, l.out, l.pad, gamma);
      widen(net.theta, l.beta, l.out, l.pad, beta);
      for (int64_t o = 0; o < l.pad; ++o) mean[o] = inv[o] = 0;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t o = 0; o < l.pad; ++o) mean[o] += y[r * l.pad + o];
      for (int64_t o = 0; o < l.pad; ++o) mean[o] /= rows;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t o = 0; o < l.pad; ++o) inv[o] += (y[r * l.pad + o] - mean[o]) * (y[r * l.pad + o] - mean[o]);
      float *seen = net.stats + l.stats, *var = seen + l.out;
      for (int64_t o = 0; o < l.out; ++o) {
        seen[o] += kMomentum * (mean[o] - seen[o]);
        var[o] += kMomentum * (inv[o] / (rows - 1) - var[o]);
      }
      for (int64_t o = 0; o < l.pad; ++o) inv[o] = 1 / __builtin_sqrtf(inv[o] / rows + kEps);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t o = 0; o < l.pad; ++o) z[r * l.pad + o] = (y[r * l.pad + o] - mean[o]) * inv[o] * gamma[o] + beta[o];
    } else {
      for (int64_t e = 0; e < rows * l.pad; ++e) z[e] = y[e];
    }
    if (const float* __restrict mask = masks.at(i))
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t o = 0; o < l.out; ++o) z[r * l.pad + o] *= mask[r * l.out + o];
    input = z;
    stride = l.pad;
  }
}

// The gradient by the parameters, from that by the output, by [rows, out], after a training pass over the same rows.
INLINE void backward(const Net& net, int64_t rows, const float* x, const Masks& masks, const float* work, float* scratch, const float* by, float* grad) {
  float *d = scratch, *next = d + rows * net.widest;
  float *sum = next + rows * net.widest, *dot = sum + net.widest, *wide = dot + net.widest;
  const Layer& last = net.layers.back();
  for (int64_t r = 0; r < rows; ++r) widen(by, r * last.out, last.out, last.pad, d + r * last.pad);
  for (size_t i = net.layers.size(); i-- > 0;) {
    const Layer& l = net.layers[i];
    float *__restrict g = d, *__restrict s = sum, *__restrict q = dot;
    if (i + 1 < net.layers.size()) {
      if (const float* __restrict mask = masks.at(i))
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t o = 0; o < l.out; ++o) g[r * l.pad + o] *= mask[r * l.out + o];
      const float* __restrict y = work + l.relu;
      if (net.stats) {
        const float *__restrict mean = work + l.batch, *__restrict inv = mean + l.pad;
        for (int64_t o = 0; o < l.pad; ++o) s[o] = q[o] = 0;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t o = 0; o < l.pad; ++o) {
            s[o] += g[r * l.pad + o];
            q[o] += g[r * l.pad + o] * (y[r * l.pad + o] - mean[o]);
          }
        for (int64_t o = 0; o < l.out; ++o) {
          grad[l.beta + o] = s[o];
          grad[l.gamma + o] = q[o] * inv[o];
        }
        float* __restrict scale = wide; // γ/σ
        widen(net.theta, l.gamma, l.out, l.pad, scale);
        for (int64_t o = 0; o < l.pad; ++o) {
          scale[o] *= inv[o];
          s[o] /= rows;
          q[o] *= inv[o] * inv[o] / rows;
        }
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t o = 0; o < l.pad; ++o) {
            const float a = y[r * l.pad + o], v = scale[o] * (g[r * l.pad + o] - s[o] - (a - mean[o]) * q[o]);
            g[r * l.pad + o] = a > 0 ? v : 0;
          }
      } else {
        for (int64_t e = 0; e < rows * l.pad; ++e) g[e] = y[e] > 0 ? g[e] : 0;
      }
    }
    if (l.b >= 0) {
      for (int64_t o = 0; o < l.pad; ++o) s[o] = 0;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t o = 0; o < l.pad; ++o) s[o] += g[r * l.pad + o];
      for (int64_t o = 0; o < l.out; ++o) grad[l.b + o] = s[o];
    }
    const float* input = i ? work + net.layers[i - 1].dropped : x;
    const int64_t stride = i ? net.layers[i - 1].pad : l.in;
    product(wide, l.in, l.pad, rows, input, 1, stride, g, nullptr); // its transpose, so that vectors lie along the outputs
    for (int64_t o = 0; o < l.out; ++o)
      for (int64_t p = 0; p < l.in; ++p) grad[l.w + o * l.in + p] = wide[p * l.pad + o];
    if (i == 0) return;
    const int64_t pad = net.layers[i - 1].pad;
    for (int64_t o = 0; o < l.out; ++o) widen(net.theta + l.w, o * l.in, l.in, pad, wide + o * pad);
    product(next, rows, pad, l.out, g, l.pad, 1, wide, nullptr);
    std::swap(d, next);
  }
}

constexpr int64_t kBlock = 64; // rows that go through all layers together when nothing is kept

// A pass with running statistics and no dropout: normalisation becomes part of the Linear after it. With shift [hidden], x [rows, hidden]
// is the first Linear's output and shift is added to it.
INLINE void eval(const Net& net, int64_t rows, const float* x, const float* shift, float* scratch, float* out) {
  float *a = scratch, *b = a + kBlock * net.widest, *scale = b + kBlock * net.widest, *move = scale + net.widest, *folded = move + net.widest;
  std::vector<const float*> weights, biases;
  for (size_t i = 0; i < net.layers.size(); ++i) {
    const Layer& l = net.layers[i];
    float* bias = folded + l.in * l.pad;
    const bool after = i > 0 && net.stats;
    if (after) {
      const Layer& p = net.layers[i - 1];
      const float *mean = net.stats + p.stats, *var = mean + p.out;
      for (int64_t o = 0; o < p.out; ++o) {
        scale[o] = net.theta[p.gamma + o] / __builtin_sqrtf(var[o] + kEps);
        move[o] = net.theta[p.beta + o] - mean[o] * scale[o];
      }
    }
    widen(net.theta, l.b, l.out, l.pad, bias);
    if (after)
      for (int64_t o = 0; o < l.out; ++o)
        for (int64_t p = 0; p < l.in; ++p) bias[o] += net.theta[l.w + o * l.in + p] * move[p];
    transposed(net.theta + l.w, l, after ? scale : nullptr, folded);
    weights.push_back(folded);
    biases.push_back(bias);
    folded = bias + l.pad;
  }
  for (int64_t lo = 0; lo < rows; lo += kBlock) {
    const int64_t n = std::min(kBlock, rows - lo);
    const float* input = x + lo * net.layers[0].in;
    int64_t stride = net.layers[0].in;
    for (size_t i = 0; i < net.layers.size(); ++i) {
      const Layer& l = net.layers[i];
      float* __restrict y = i % 2 ? b : a;
      if (i == 0 && shift) {
        const float* from = x + lo * l.out;
        for (int64_t r = 0; r < n; ++r)
          for (int64_t o = 0; o < l.pad; ++o) y[r * l.pad + o] = o < l.out ? from[r * l.out + o] + shift[o] : 0;
      } else {
        product(y, n, l.pad, l.in, input, stride, 1, weights[i], biases[i]);
      }
      if (i + 1 == net.layers.size()) {
        for (int64_t r = 0; r < n; ++r)
          for (int64_t o = 0; o < l.out; ++o) out[(lo + r) * l.out + o] = y[r * l.pad + o];
        break;
      }
      for (int64_t e = 0; e < n * l.pad; ++e) y[e] = y[e] > 0 ? y[e] : 0;
      input = y;
      stride = l.pad;
    }
  }
}

// One step of Adam (Kingma and Ba 2015), decoupled decay first (Loshchilov and Hutter 2019).
INLINE void adam(int64_t n, float* __restrict theta, const float* __restrict grad, float* __restrict first, float* __restrict second,
                 float shrink, float rate, float root) {
  for (int64_t i = 0; i < n; ++i) {
    const float g = grad[i];
    first[i] += (g - first[i]) * 0.1f;
    second[i] = second[i] * 0.999f + g * g * 0.001f;
    theta[i] = theta[i] * shrink - rate * first[i] / (__builtin_sqrtf(second[i]) * root + 1e-8f);
  }
}

// Each of the above once for any processor, and once for those with AVX2.
#if defined(__x86_64__)
bool wide() {
  static const bool yes = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return yes;
}
#define EITHER(name, params, args)                                             \
  __attribute__((target("avx2,fma"))) void name##Wide params { name args; }    \
  void name##Any params { wide() ? name##Wide args : name args; }
#else
#define EITHER(name, params, args) \
  void name##Any params { name args; }
#endif

EITHER(forward, (const Net& net, int64_t rows, const float* x, const Masks& masks, float* work, float* scratch, float* out),
       (net, rows, x, masks, work, scratch, out))
EITHER(backward, (const Net& net, int64_t rows, const float* x, const Masks& masks, const float* work, float* scratch, const float* by, float* grad),
       (net, rows, x, masks, work, scratch, by, grad))
EITHER(eval, (const Net& net, int64_t rows, const float* x, const float* shift, float* scratch, float* out), (net, rows, x, shift, scratch, out))
EITHER(adam, (int64_t n, float* theta, const float* grad, float* first, float* second, float shrink, float rate, float root),
       (n, theta, grad, first, second, shrink, rate, root))

float* floats(const at::Tensor& t, int64_t n, const char* what) {
  TORCH_CHECK(t.defined() && t.is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous() && t.numel() == n, what, " must be ", n,
              " contiguous float32 on the CPU");
  return t.data_ptr<float>();
}

// The arguments that all passes begin with: widths, parameters, running statistics or none.
struct Arguments {
  std::vector<int64_t> widths;
  at::Tensor theta, stats;

  void pop(Stack& s) {
    IValue v = ::pop(s);
    stats = v.isNone() ? at::Tensor() : v.toTensor();
    theta = ::pop(s).toTensor();
    widths = ::pop(s).toIntVector();
  }

  // The network, its offsets into the work of a pass over rows, and that work's size without scratch.
  Net net(int64_t rows, int64_t* work) const {
    TORCH_CHECK(widths.size() >= 2, "a perceptron needs a width for its input and one for its output");
    Net n;
    int64_t at = 0, stat = 0;
    *work = 0;
    for (size_t i = 1; i < widths.size(); ++i) {
      Layer l{};
      l.in = widths[i - 1], l.out = widths[i], l.pad = padded(l.out);
      TORCH_CHECK(l.in > 0 && l.out > 0, "a perceptron's widths must be positive");
      const bool last = i + 1 == widths.size();
      l.w = at, at += l.in * l.out;
      l.b = at, at += l.out;
      l.gamma = l.beta = l.stats = -1;
      if (!last && stats.defined()) {
        l.gamma = at, l.beta = at + l.out, at += 2 * l.out;
        l.stats = stat, stat += 2 * l.out;
      }
      l.relu = *work, l.dropped = l.relu + rows * l.pad, l.batch = l.dropped + rows * l.pad;
      *work = l.batch + 2 * l.pad;
      n.widest = std::max(n.widest, l.pad);
      n.layers.push_back(l);
    }
    if (theta.numel() == at - widths.back()) n.layers.back().b = -1, at -= widths.back(); // the output has no bias
    n.theta = floats(theta, at, "the parameters");
    n.stats = stats.defined() ? floats(stats, stat, "the running statistics") : nullptr;
    return n;
  }
};

// The most that a product's transposed factor takes.
int64_t factor(const Net& net) {
  int64_t most = net.widest;
  for (const auto& l : net.layers) most = std::max({most, l.in * l.pad, l.out * padded(l.in)});
  return most;
}

float* room(at::Tensor work, int64_t n) {
  if (work.numel() < n) work.resize_({n});
  return work.data_ptr<float>();
}

Masks masksOf(const std::vector<at::Tensor>& ts, const Net& net, int64_t rows) {
  Masks m;
  if (ts.empty()) return m;
  TORCH_CHECK(ts.size() + 1 == net.layers.size(), "want a mask for each hidden layer");
  for (size_t i = 0; i < ts.size(); ++i) m.rows.push_back(floats(ts[i], rows * net.layers[i].out, "a mask"));
  return m;
}

} // namespace mlp

// (widths, theta, stats, x, masks, work, out) -> ()
void mlpForward(Stack& s) {
  const at::Tensor out = pop(s).toTensor(), work = pop(s).toTensor();
  const auto masks = popTensors(s);
  const at::Tensor x = pop(s).toTensor();
  mlp::Arguments a;
  a.pop(s);
  const int64_t rows = x.size(0);
  TORCH_CHECK(rows > (a.stats.defined() ? 1 : 0), "a batch of ", rows, " has no variance to normalise by");
  int64_t kept;
  const mlp::Net net = a.net(rows, &kept);
  float* w = mlp::room(work, kept + 3 * net.widest + mlp::factor(net));
  mlp::forwardAny(net, rows, mlp::floats(x, rows * net.layers[0].in, "the input"), mlp::masksOf(masks, net, rows), w, w + kept,
                  mlp::floats(out, rows * net.layers.back().out, "the output"));
}

// (widths, theta, stats, x, masks, work, by, grad) -> (): after mlp_forward with the same x, masks and work
void mlpBackward(Stack& s) {
  const at::Tensor grad = pop(s).toTensor(), by = pop(s).toTensor(), work = pop(s).toTensor();
  const auto masks = popTensors(s);
  const at::Tensor x = pop(s).toTensor();
  mlp::Arguments a;
  a.pop(s);
  const int64_t rows = x.size(0);
  int64_t kept;
  const mlp::Net net = a.net(rows, &kept);
  TORCH_CHECK(work.numel() >= kept, "a backward pass without its forward pass");
  const int64_t scratch = 2 * (rows + 1) * net.widest + mlp::factor(net);
  float* w = mlp::room(work, kept + scratch); // resizing keeps what the forward pass left
  mlp::backwardAny(net, rows, mlp::floats(x, rows * net.layers[0].in, "the input"), mlp::masksOf(masks, net, rows), w, w + kept,
                   mlp::floats(by, rows * net.layers.back().out, "the output's gradient"), mlp::floats(grad, a.theta.numel(), "the gradient"));
}

// (widths, theta, stats, x, shift, work, out) -> ()
void mlpEval(Stack& s) {
  const at::Tensor out = pop(s).toTensor(), work = pop(s).toTensor();
  const IValue shift = pop(s);
  const at::Tensor x = pop(s).toTensor();
  mlp::Arguments a;
  a.pop(s);
  const int64_t rows = x.size(0);
  int64_t kept;
  const mlp::Net net = a.net(rows, &kept);
  const auto& first = net.layers[0];
  TORCH_CHECK(shift.isNone() || net.layers.size() > 1, "without a hidden layer there is nothing to shift");
  int64_t scratch = 2 * (mlp::kBlock + 1) * net.widest;
  for (const auto& l : net.layers) scratch += (l.in + 1) * l.pad;
  mlp::evalAny(net, rows, mlp::floats(x, rows * (shift.isNone() ? first.in : first.out), "the input"),
               shift.isNone() ? nullptr : mlp::floats(shift.toTensor(), first.out, "the shift"), mlp::room(work, scratch),
               mlp::floats(out, rows * net.layers.back().out, "the output"));
}

// (theta, grad, first, second, shrink, rate, root) -> ()
void mlpAdam(Stack& s) {
  const auto root = static_cast<float>(pop(s).toDouble()), rate = static_cast<float>(pop(s).toDouble()), shrink = static_cast<float>(pop(s).toDouble());
  const at::Tensor second = pop(s).toTensor(), first = pop(s).toTensor(), grad = pop(s).toTensor(), theta = pop(s).toTensor();
  const int64_t n = theta.numel();
  mlp::adamAny(n, mlp::floats(theta, n, "the parameters"), mlp::floats(grad, n, "the gradient"), mlp::floats(first, n, "the first moment"),
               mlp::floats(second, n, "the second moment"), shrink, rate, root);
}

} // namespace

#undef EITHER
#undef INLINE
#pragma GCC pop_options
