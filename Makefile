# Certwright's commands. `make help` lists them.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
IMAGE   ?= certwright.dev/certwright:$(VERSION)
GOFLAGS_BUILD := -trimpath -ldflags '-s -w -X main.version=$(VERSION)'
TOOL    := go tool -modfile=hack/tools/go.mod
CLUSTER := go -C hack/cluster run .
# Most tests against an API server wait for something, so more of them run at
# the same time than there are processors.
PARALLEL := -parallel 8
# The modules that are tested besides the product's own.
TEST_MODULES := hack/cluster hack/bench test/acme test/stepca test/orders test/dns01webhook test/ecosystem test/compat test/alerts

.PHONY: help
help: ## List the commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: generate
generate: ## Generate deep copies, CRDs and the chart's copy of them.
	$(TOOL) controller-gen object paths=./api/...
	$(TOOL) controller-gen crd paths=./api/... output:crd:dir=config/crd
	go run ./hack/chart
	go -C cmd/dns01-worker generate ./internal/table

.PHONY: build
build: ## Build the binaries into bin/.
	CGO_ENABLED=0 go build $(GOFLAGS_BUILD) -o bin/certwright ./cmd/controller
	CGO_ENABLED=0 go build $(GOFLAGS_BUILD) -o bin/http01-solver ./cmd/http01-solver
	CGO_ENABLED=0 go build $(GOFLAGS_BUILD) -o bin/kubectl-certwright ./cmd/kubectl-certwright
	CGO_ENABLED=0 go -C cmd/dns01-worker build -trimpath -ldflags '-s -w' -o $(CURDIR)/bin/dns01-worker .

.PHONY: manifests
manifests: ## Write bin/install.yaml, the chart with its CRDs as one file for kubectl; VALUES are arguments of helm.
	mkdir -p bin
	{ printf 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: cert-manager\n'; \
	  go -C hack/cluster run . helm template certwright $(CURDIR)/charts/certwright --namespace cert-manager --set crds.enabled=true $(VALUES); } > bin/install.yaml

.PHONY: lint
lint: ## Run the linters, the import rules among them.
	$(TOOL) golangci-lint run ./...

.PHONY: test
test: ## Run the unit tests and the tests against a real API server.
	# Compiled for minutes when it is not in the cache, so not within a test's time limit.
	CGO_ENABLED=0 go -C cmd/dns01-worker build -trimpath -ldflags '-s -w' -o $(CURDIR)/bin/dns01-worker .
	go -C cmd/dns01-worker test ./internal/...
	go test $(PARALLEL) ./api/... ./cmd/... ./controllers/... ./internal/... ./hack/demo/... ./hack/chart/... ./test/apirules/... ./test/apiserver/... ./test/admission/... ./test/rotation/... ./test/certificates/...
	@# Two at a time: most of them wait for something most of the time.
	@printf '%s\n' $(TEST_MODULES) | xargs -P 2 -I MODULE sh -c 'out=$$(go -C MODULE test $(PARALLEL) ./... 2>&1); rc=$$?; printf "# MODULE\n%s\n" "$$out"; exit $$rc'

.PHONY: e2e
e2e: ## Run the journeys on a real node (Linux, root).
	go test -count=1 -timeout 30m ./test/e2e/...

.PHONY: bench
bench: ## Measure the operator against its budgets on a control plane of its own.
	go -C hack/bench run .

.PHONY: bench-requests
bench-requests: ## Measure a storm of CertificateRequests, on a control plane of its own.
	go -C hack/bench run . requests

.PHONY: bench-acme
bench-acme: ## Measure certificates from an ACME CA on a real node (Linux, root).
	go -C hack/bench run . acme

.PHONY: image
image: build ## Make the image as an OCI archive, without a container engine.
	$(CLUSTER) image build --ref $(IMAGE) --user 65532:65532 --entry /http01-solver \
	  --file /certwright=$(CURDIR)/bin/certwright --file /http01-solver=$(CURDIR)/bin/http01-solver --file /dns01-worker=$(CURDIR)/bin/dns01-worker --file /kubectl-certwright=$(CURDIR)/bin/kubectl-certwright \
	  --file /etc/ssl/certs/ca-certificates.crt=/etc/ssl/certs/ca-certificates.crt \
	  -o $(CURDIR)/bin/image.tar
	@echo bin/image.tar: $(IMAGE)

.PHONY: cluster-up
cluster-up: ## Start a real Kubernetes node on this machine (Linux, root).
	$(CLUSTER) up node

.PHONY: cluster-down
cluster-down: ## Stop it and remove its state.
	$(CLUSTER) down --name node

.PHONY: demo
demo: ## Issue a certificate for an annotated Ingress, live (without a node: DEMO_NODE=no).
	go run ./hack/demo

.PHONY: demo-down
demo-down: ## Remove what the demo left.
	go run ./hack/demo down
