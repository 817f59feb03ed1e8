// Package video holds networks for clips [N, C, T, H, W]: one file an architecture, each citing its paper, all with torchvision's
// parameter names so that torchvision's weights load as they are.
//
// A [Spec] is what sizes a network; [New] builds it without an engine, so that its cost can be asked for first. A network is a
// trunk that makes one feature vector a clip, then one linear layer a target. With one target that layer is named "fc", as
// torchvision's; with several they are "fc.NAME", as a torch.nn.ModuleDict at that place would be.
package video
