// Package image holds networks for pictures [N, C, H, W]: one file an architecture, each citing its paper, with torchvision's parameter
// names (timm's where torchvision has no such network), so that their weights load as they are.
//
// A [Backbone] makes one feature vector a picture. It has no classifier: package video puts one on top, over one picture or over the
// frames of a clip.
package image
