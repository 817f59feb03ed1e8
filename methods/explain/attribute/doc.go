// Package attribute says which positions of an input a network's score depends on, by what flows back through the network.
//
// A [Net] is a network on an engine; inputs are [N, C, H, W], [N, C, T, H, W] or [N, features] of any floating type, scores [N, K], and
// a [Target] names one score a row. Every method returns relevance of the input's shape (the class activation maps: of one channel), on
// the scale that its paper gives it, signed where the paper's is. One file a method, each with its source:
//
// gradient, input×gradient; SmoothGrad with its square and variance; integrated and expected gradients with the completeness error;
// guided backpropagation and deconvolution; Grad-CAM, Grad-CAM++, guided Grad-CAM, Score-CAM; layer-wise relevance propagation with ε, γ,
// αβ, z⁺, flat and box laws, composites and batch normalisation merged into the convolution before it; DeepLIFT (rescale) and its mean
// over references; attention rollout and relevance.
//
// Methods see a network through [nn.Rule], so they work on any network whose layers are nn's. Rows are independent: memory is bounded by
// how many rows the caller hands over; methods that need many passes make them one after the other.
//
// A map is no answer before package explain has tested it.
package attribute
