# The image of Certwright: four static programs and the roots of public CAs.
#
#   docker build --build-arg VERSION=0.1.0 --tag ghcr.io/certwright/certwright:0.1.0 .
#
# `make image` writes the same image as an OCI archive without a container
# engine. What changes here changes there.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=devel
ENV CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOFLAGS=-trimpath
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd/dns01-worker/go.mod cmd/dns01-worker/go.sum cmd/dns01-worker/
RUN go -C cmd/dns01-worker mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal
RUN go build -ldflags="-s -w -X main.version=$VERSION" -o /out/certwright ./cmd/controller \
 && go build -ldflags="-s -w" -o /out/http01-solver ./cmd/http01-solver \
 && go build -ldflags="-s -w -X main.version=$VERSION" -o /out/kubectl-certwright ./cmd/kubectl-certwright \
 && go -C cmd/dns01-worker build -ldflags="-s -w" -o /out/dns01-worker .

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/certwright /out/http01-solver /out/dns01-worker /out/kubectl-certwright /
# nonroot, as in other images without a shell.
USER 65532:65532
# A solver pod says only which challenge it answers, so that any
# image with a solver will do; the chart says that the operator is /certwright.
ENTRYPOINT ["/http01-solver"]
