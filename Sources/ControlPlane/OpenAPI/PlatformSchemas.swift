/// Shapes of what the control plane keeps.
extension Schemas {
  private static let tenantState = words("active", "suspended", "read_only")
  private static let durability = words("cell", "local", "follower")

  static let platform: KeyValuePairsList = [
    (
      "TenantInput",
      object([
        "name": string, "slug": string, "region": string, "currency": string,
        "time_zone": string, "tier?": string, "parent_id?": string, "cell?": string,
        "durability?": durability,
      ])
    ),
    (
      "TenantPatch",
      object([
        "state?": tenantState, "reason?": string, "name?": string, "durability?": durability,
      ])
    ),
    (
      "Tenant",
      object([
        "id": string, "name": string, "slug": string, "region": string, "currency": string,
        "time_zone": string, "tier": string, "parent_id?": string,
        "state": words("provisioning", "active", "suspended", "read_only"), "reason": string,
        "cell": string, "epoch": integer, "durability": durability, "created_at": time,
      ])
    ),
    (
      "Digest",
      object([
        "tenant_seq": integer,
        "files": ["type": "object", "additionalProperties": string], "recomputed": boolean,
        "recomputed_files?": ["type": "object", "additionalProperties": string],
        "match?": boolean,
      ])
    ),
    (
      "MoveInput",
      object(["to_cell": string, "dry_run?": boolean, "cap_ms?": integer])
    ),
    (
      "CellInput",
      object([
        "dry_run?": boolean, "old_is_dead?": boolean, "accept_gap?": boolean, "reason?": string,
      ])
    ),
    (
      "RebalanceInput",
      object([
        "dry_run?": boolean, "region?": string, "max_moves?": integer, "reason?": string,
      ])
    ),
    (
      "RestoreInput",
      object([
        "at": anything, "mode": words("fork", "swap"), "source?": words("archive", "follower"),
        "accept?": boolean,
      ])
    ),
    (
      "Restore",
      object([
        "id": string, "operation_id": string, "tenant_id": string, "target_tenant_id": string,
        "cell": string, "at": string, "source": words("archive", "follower"),
        "mode": words("fork", "swap", "cell"), "accept": boolean,
        "released_at?": time, "released?": integer,
        "suspended?": list(
          of: object([
            "tenant_id": string, "messages": integer, "recipients": integer, "timers": integer,
            "code?": string,
          ])), "suspended_count?": integer, "uncounted?": list(of: string),
      ])
    ),
    ("ReleaseInput", object(["accept?": boolean])),
    ("SendStopInput", object(["reason": string])),
    (
      "SendStop",
      object([
        "scope": words("number", "tenant", "cell", "region", "platform"), "id": string,
        "since": time, "reason": string, "lifted": boolean, "pending_cells": strings,
      ])
    ),
    (
      "MetaAppInput",
      object([
        "app_secret": string, "previous_app_secret?": string, "verify_token": string,
        "tenant_id?": string,
      ])
    ),
    (
      "MetaApp",
      object([
        "app": string, "webhook_url": string, "secret_set": boolean,
        "previous_secret_set": boolean, "tenant_id?": string,
      ])
    ),
    (
      "QuarantineEntry",
      object([
        "id": string, "received_at": time, "reason": string, "meta_app": string,
        "tenant_id?": string, "sha256": string, "webhook_sha256": string,
        "body_bytes": integer, "body_base64": string,
      ])
    ),
    ("Replay", object(["id": string, "state": words("delivered", "discarded")])),
    (
      "Cell",
      object([
        "id": string, "region": string,
        "state": words("joining", "active", "draining", "retired"), "alive": boolean,
        "address": string, "generation": integer, "tenants": integer, "open_tenants": integer,
        "capacity": integer, "operations_per_second": integer, "journal_bytes": integer,
        "disk_free_bytes?": integer,
        "lag?": object(["records": integer, "bytes": integer, "seconds": integer]),
        "version": string, "joined_at": time, "last_heartbeat_at?": time,
        "oldest_due_at?": time,
      ])
    ),
    (
      "PromoteInput",
      object(["replica?": string, "old_is_dead?": boolean, "dry_run?": boolean, "reason?": string])
    ),
    (
      "UpgradeInput",
      object([
        "version": string, "cells?": strings, "canary?": string, "wave_size?": integer,
        "soak_seconds?": integer, "reason?": string,
      ])
    ),
    ("RollbackInput", object(["operation_id?": string, "reason?": string])),
    ("FormatCeilingInput", object(["level?": integer, "reason?": string])),
    (
      "FormatCeiling",
      object([
        "level": integer, "readable?": integer,
        "readers": list(
          of: object([
            "id": string, "cell": string, "version": string, "reads_level?": integer,
            "on_trial": boolean,
          ])),
      ])
    ),
    (
      "CellRestoreInput",
      object(["old_is_dead?": boolean, "spread?": boolean, "dry_run?": boolean, "reason?": string])
    ),
    (
      "JoinTokenInput",
      object(["cell?": string, "region?": string, "expires_in_seconds?": integer])
    ),
    (
      "JoinToken",
      object([
        "id": string, "token": string, "cell": nullable(string), "region": nullable(string),
        "expires_at": time,
      ])
    ),
    (
      "Operation",
      object([
        "id": string, "kind": string, "subject": string,
        "state": words("planned", "running", "succeeded", "failed", "cancelled"),
        "step": string,
        "progress": object(["done": integer, "total": integer, "unit": string]),
        "result?": anything, "error?": object(["code": string, "detail": string]),
        "created_at": time, "updated_at": time,
      ])
    ),
    ("OperatorToken", object(["id": string, "token": string])),
    (
      "Status",
      object([
        "ok": boolean, "role": string, "id": string, "version": string,
        "problems": list(
          of: object([
            "code": string, "detail": string, "since": time, "runbook": string, "cell?": string,
            "tenant?": string,
          ])), "send_stops": list(of: reference("SendStop")),
        "cells": list(of: reference("Cell")),
        "routers": list(
          of: object([
            "id": string, "map_version": integer, "lag_versions": integer, "last_seen_at": time,
          ])),
        "map": object(["version": integer, "chunks": integer, "entries": integer]),
        "spools": list(
          of: object([
            "cell": string, "entries": integer, "more": boolean, "oldest_at?": time,
          ])),
      ])
    ),
  ]
}
