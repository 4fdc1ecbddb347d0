# What there is to do here. `make` alone lists it; every target sets up by itself what it needs.
#
#   PYTHON=…   the Python (3.11 or newer) to make the environments with
#   ARGS="…"   goes on to `python -m local`, `python -m bench`, `python -m infra deploy` or `… destroy`
#   T=name     picks tests by name, as pytest's -k does
#   KEEP=1     with `make e2e`: leaves the server up after the test, with its log
#   STAGE=dev  with `make package`, `deploy`, `destroy`: a stage of .chalice/config.json
#   YES=1      with `make deploy` and `make destroy`: does not ask

# Hundreds of processes are started here: each would compile what it imports once more.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?=
ARGS ?=
T ?=
KEEP ?=
STAGE ?= dev
YES ?=

# Quoted for the shell: a test name may be an expression such as T="three or ten".
PICK = $(if $(T),-k '$(T)')
RUN = .venv/bin/python
INTO_ACCOUNT = --stage '$(STAGE)' $(if $(YES),--yes) $(ARGS)

prepare = @python="$$(sh scripts/find-python.sh '$(PYTHON)')" && \
	"$$python" -m scripts.setup $(1) $(if $(PYTHON),--same-python)

.PHONY: help setup setup-run run test suite lint e2e bench fuzz package deploy destroy clean

help:
	@echo 'make run      the whole chat on this machine        ARGS="--port 9000 --data DIR --reload"'
	@echo 'make test     ruff, mypy and every test             T=name'
	@echo 'make suite    the tests alone                       T=name'
	@echo 'make lint     ruff and mypy --strict only'
	@echo 'make e2e      the end-to-end tests                  T=name KEEP=1 (leaves the server up)'
	@echo 'make bench    throughput and latency                ARGS="--help"'
	@echo 'make fuzz     random requests and frames, minutes   CHAT_FUZZ_SEED=1'
	@echo 'make package  the Lambda bundle and the template    STAGE=dev (into build/STAGE)'
	@echo 'make deploy   that, into your AWS account           STAGE=dev YES=1 ARGS="--region eu-west-1"'
	@echo 'make destroy  out of your AWS account again         STAGE=dev YES=1'
	@echo 'make setup    the environments, .venv and its like, which the others make too'
	@echo 'make clean    removes all that make made'

setup:
	$(call prepare,test)

setup-run:
	$(call prepare,run)

run: setup-run
	@exec $(RUN) -m local $(ARGS)

lint: setup
	@$(RUN) -m ruff check
	@$(RUN) -m scripts.prose
	@$(RUN) -m mypy

# The two beside each other: the tests wait now and then, and mypy does not.
test: setup
	@$(MAKE) --no-print-directory -j2 lint suite

suite: setup
	@$(RUN) -m pytest -n 5 $(PICK)

e2e: setup
	@CHAT_E2E_KEEP='$(KEEP)' CHAT_E2E_WHOLE=1 $(RUN) -m pytest tests/e2e $(if $(KEEP),-s) $(PICK)

bench: setup
	@$(RUN) -m bench $(ARGS)

fuzz: setup
	@CHAT_FUZZ_EXAMPLES=100 CHAT_FUZZ_SECONDS=120 $(RUN) -m pytest tests/e2e/test_fuzz_http.py tests/e2e/test_fuzz_socket.py $(PICK)

package: setup
	@$(RUN) -m infra package --stage '$(STAGE)'

deploy: setup
	@$(RUN) -m infra deploy $(INTO_ACCOUNT)

destroy: setup
	@$(RUN) -m infra destroy $(INTO_ACCOUNT)

clean:
	@rm -rf .venv .venv-* .setup .chalice/deployments build
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
