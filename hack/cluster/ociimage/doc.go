// Package ociimage writes a container image as an OCI archive, without a container engine: one layer with a few files
// and a configuration. Equal input gives an equal archive, byte for byte. It uses the standard library only.
//
// The archive is a tar of an OCI image layout (image-spec, "Image Layout"), which containerd, podman and skopeo import;
// it also holds the manifest.json that `docker load` looks for.
package ociimage
