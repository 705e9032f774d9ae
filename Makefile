# Bereikbaar: `make help` lists the targets. A machine with Debian 12 or newer, Go, make and root is enough.

.DEFAULT_GOAL := help
.PHONY: help setup run demo test bench screenshots lint vuln

help: ## show this list
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing (apt, a private root of Debian testing); a second run takes less than a second
	@dev/setup

run: setup ## start everything, ring 14 0570 twice and print what happens, stay up until Ctrl-C
# Not by "go run": it makes Ctrl-C an error.
	@go build -o build/demo ./test/demo && exec build/demo --stay

demo: setup ## the same, and exit: 0 only when both calls went as expected
	@go run ./test/demo

# Tests that ring a real Asterisk. They build the daemon themselves, with the race detector; go does not notice its
# changes, hence -count=1.
calls = /test/(rig|e2e|manual)$$

# Tests with passwords that cost a processor much on purpose, and with a browser: by themselves.
slow = /(signin|test/browser)$$

test: setup ## every test, on a real Asterisk and Redis, with the race detector in the daemon and in all but the phones
	go test -race -count=1 -p 4 $$(go list ./... | grep -Ev '$(calls)|$(slow)')
	go test -race -count=1 -p 1 -parallel 2 $$(go list ./... | grep -E '$(slow)')
	go test -count=1 -timeout 45m -p 1 -parallel 8 $$(go list ./... | grep -E '$(calls)')

bench: setup ## measure calls against Asterisk's own app_queue, the store against raw Redis, and the pages
	go run ./test/bench
	go run ./test/bench/notes
	go run ./test/bench/pages

screenshots: setup ## photograph the pages for this README
	dir=$$(mktemp -d) && SCREENSHOTS=$$dir go test -count=1 -run EveryPageIsAccessible ./test/browser && \
	cp $$dir/list-1280.png docs/images/work-list.png && cp $$dir/note-calling-1280.png docs/images/note.png

lint: ## formatting, vet, and the linters that tools/go.mod pins (building them takes minutes, once)
	@test -z "$$(gofmt -l .)" || { gofmt -l . | sed 's/^/not formatted: /'; exit 1; }
	go vet ./...
	go tool -modfile=tools/go.mod golangci-lint run

vuln: ## look for known vulnerabilities in the modules and in Go itself (fetches their list from the internet)
	go tool -modfile=tools/go.mod govulncheck ./...
