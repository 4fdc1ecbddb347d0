# All commands of this project. `make` alone lists them; every target sets up what it needs first.
#
#   PYTHON=…       the Python (3.11 or newer) to make the environments with
#   ARGS="…"       arguments of `python -m local`, `bench`, `infra deploy`, `rollback` and `destroy`, `scripts.test_all`
#   T=…            a path, a node id, or an expression of names as with pytest's -k
#   TARGETS="…"    with T: what the end-to-end tests run on, of: development bundle ministack
#   KEEP=1         with `make e2e`: leaves the server up after the tests, with its log
#   PART="…"       parts of `make test-all`, by name or pattern
#   STAGE=dev      with `make package`, `deploy`, `rollback`, `destroy`: a stage of .chalice/config.json
#   YES=1          with `make deploy`, `rollback` and `destroy`: does not ask
#   TO=7           with `make rollback`: the number or version of a kept release
#   NAMES="…"      with `make audit`: lock files by the names of their sources in requirements/
#   UPGRADE="…"    with `make lock`: packages to upgrade, or --upgrade for all of them

# Hundreds of processes start here; without caches each would compile its imports again.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?=
ARGS ?=
T ?=
TARGETS ?=
KEEP ?=
PART ?=
STAGE ?= dev
YES ?=
TO ?=
UPGRADE ?=
NAMES ?=

RUN = .venv/bin/python
# Quoted for the shell: T can be an expression such as T="three or ten".
SELECTED = $(if $(T),'$(T)')
E2E = CHAT_E2E_KEEP='$(KEEP)' $(if $(TARGETS),CHAT_E2E_TARGETS='$(TARGETS)')
ACCOUNT_OPTIONS = --stage '$(STAGE)' $(if $(YES),--yes) $(ARGS)

find_python = python="$$(sh scripts/find-python.sh '$(PYTHON)')" && "$$python" -m
prepare = @$(find_python) scripts.setup $(1) $(if $(PYTHON),--same-python)

.PHONY: help setup setup-run lock run test suite test-all lint format e2e bench soak fuzz audit package deploy rollback destroy clean

help:
	@echo 'make run       the whole chat on this machine         ARGS="--port 9000 --data DIR --reload"'
	@echo 'make test      lint and all tests                     T=name'
	@echo 'make suite     the tests alone                        T=name'
	@echo 'make e2e       every end-to-end test on every target  T=name TARGETS=bundle KEEP=1'
	@echo 'make lint      ruff, the prose check and mypy --strict'
	@echo 'make format    formats the code'
	@echo 'make test-all  what takes too long for every run      PART=mutants* ARGS="--list"'
	@echo 'make fuzz      random requests and frames, minutes    CHAT_FUZZ_SEED=1'
	@echo 'make bench     throughput and latency                 ARGS="--help"'
	@echo 'make soak      mixed traffic for half an hour         ARGS="--minutes 5"'
	@echo 'make audit     known vulnerabilities of the packages  NAMES="bundle run"'
	@echo 'make package   the Lambda bundle and the template     STAGE=dev (into build/STAGE)'
	@echo 'make deploy    deploys it to your AWS account         STAGE=dev YES=1 ARGS="--region eu-west-1"'
	@echo 'make rollback  returns to the release before          STAGE=dev YES=1 TO=7'
	@echo 'make destroy   deletes it from your AWS account       STAGE=dev YES=1'
	@echo 'make setup     the environments, which other targets set up, too'
	@echo 'make lock      updates the lock files                 UPGRADE="chalice boto3"'
	@echo 'make clean     removes everything that make created'

setup:
	$(call prepare,test)

setup-run:
	$(call prepare,run)

lock:
	@$(find_python) scripts.lock $(UPGRADE)

run: setup-run
	@exec env CHAT_EVENTS="$${CHAT_EVENTS:-on}" $(RUN) -m local --build-web $(ARGS)

lint: setup
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check --quiet
	@$(RUN) -m scripts.prose
	@$(RUN) -m mypy
	@$(RUN) -m mypy --python-version 3.10 clients/python/src

format: setup
	@$(RUN) -m ruff check --fix --quiet
	@$(RUN) -m ruff format

# Beside each other: the tests wait at times, and mypy does not.
test: setup
	@$(MAKE) --no-print-directory -j2 lint suite

suite: setup
	@$(E2E) $(RUN) -m scripts.run_tests $(SELECTED)

e2e: setup
	@$(E2E) $(if $(T),,CHAT_E2E_WHOLE=1) $(RUN) -m scripts.run_tests --below tests/e2e $(SELECTED) $(if $(KEEP),-s -n 0)

test-all: setup
	@$(RUN) -m scripts.test_all $(ARGS) $(if $(PART),'$(PART)')

bench: setup
	@$(RUN) -m bench $(ARGS)

soak: setup
	@$(RUN) -m bench.soak $(ARGS)

fuzz: setup
	@CHAT_FUZZ_EXAMPLES=100 CHAT_FUZZ_SECONDS=120 $(RUN) -m pytest tests/e2e/test_fuzz_http.py tests/e2e/test_fuzz_socket.py

audit:
	@$(find_python) scripts.audit $(NAMES)

package: setup
	@$(RUN) -m infra package --stage '$(STAGE)'

rollback: setup
	@$(RUN) -m infra rollback --stage '$(STAGE)' $(if $(TO),--to '$(TO)') $(if $(YES),--yes) $(ARGS)

deploy: setup
	@$(RUN) -m infra deploy $(ACCOUNT_OPTIONS)

destroy: setup
	@$(RUN) -m infra destroy $(ACCOUNT_OPTIONS)

clean:
	@rm -rf .venv .venv-* .setup .chalice/deployments build web/dist web/dist.* web/node_modules clients/js/node_modules
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
