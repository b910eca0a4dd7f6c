#!/bin/sh
# Makes the namespace and the attributes by which operators find orders; changes nothing where they are there.
# TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE say where, TEMPORAL_RETENTION for how long closed orders stay visible.
set -eu

# A server whose port is open may not answer yet, nor know at once of a namespace that has just been made.
insist() {
    tries=30
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || exit 1
        sleep 2
    done
}

namespace() {
    temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
        temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION"
}

attributes() {
    temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" \
        --name RecoursePhase --type Keyword \
        --name RecoursePolicy --type Keyword \
        --name RecourseTurn --type Keyword \
        --name RecourseCaseStage --type Keyword \
        --name RecourseNextDueAt --type Datetime \
        --name RecourseGroup --type Keyword
}

insist namespace
insist attributes
