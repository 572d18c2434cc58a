module github.com/certwright/certwright/hack/cluster

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	golang.org/x/sys v0.47.0
)

require go.yaml.in/yaml/v3 v3.0.4
