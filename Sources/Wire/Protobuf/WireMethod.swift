/// What a request between processes asks for.
///
/// The number travels; cases are added, never reused.
public enum WireMethod: UInt16, Sendable, CaseIterable {
  /// ``Aimstors_ProtoRequest`` → ``Aimstors_ProtoResponse``: one HTTP request.
  case http = 1
  // Router → cell: `ProtoWebhookPart` → empty; `ProtoSpoolPart` → `ProtoSpoolStored`.
  case webhookPart = 10
  case spoolStore = 11
  // Control plane → cell: `ProtoSpoolQuery` → `ProtoSpoolPage`; `ProtoSpoolRemove` → empty.
  case spoolQuery = 12
  case spoolRemove = 13
  // Cell, router → control plane: `ProtoJoin` → `ProtoJoined`; `ProtoHeartbeat` → empty.
  case join = 20
  case heartbeat = 21
  // Cell → control plane: `ProtoClaimRequest` → `ProtoClaimAnswer`.
  case claim = 22
  /// Cell → control plane: a tenant's signed checkpoint → the witness's signature; both are texts.
  case checkpoint = 25
  /// Cell → control plane: empty → the 32 bytes of the key that signs impersonation grants.
  case grantKey = 26
  /// Control plane → cell: an impersonation that ends now, as text → empty once durable.
  case endImpersonation = 35
  // Router → control plane: empty → `ProtoMapManifest`; `ProtoMapPull` → `ProtoMapPage`.
  case mapManifest = 23
  case mapPull = 24
  // Control plane → cell: `ProtoTenantProfile` → empty (idempotent by tenant and epoch).
  case provision = 30
  case tenantState = 31
  /// `ProtoSendStop` → empty once durable in the cell.
  case sendStop = 32
  /// `ProtoDigestRequest` → `ProtoDigestAnswer`.
  case digest = 33
  /// Control plane → cell: `ProtoJoin` without token, asks the cell to say what it holds.
  case inventory = 34
  /// Control plane → cell: `ProtoCellWork` → `ProtoCellWorkStatus`; repeated until it has ended.
  case work = 36
  /// Control plane → cell, follower: `ProtoProgramOrder` → `ProtoProgramState`; repeated.
  case program = 37
  // Primary → follower: `ProtoReplicaHello`, `ProtoReplicaAppend` → `ProtoReplicaState`;
  // `ProtoReplicaFetch` → `ProtoReplicaGroups`.
  case replicaHello = 40
  case replicaAppend = 41
  case replicaFetch = 42
  /// `ProtoReplicaCut` → `ProtoReplicaState`, once it is noted durably; the follower starts anew.
  case replicaCut = 46
  /// Control plane → follower: `ProtoReplicaPromote` → `ProtoReplicaState`, durable.
  case replicaPromote = 43
  // Replica → control plane: `ProtoReplicaReport`, `ProtoRegisterChange` → `ProtoCellRegister`.
  case replicaReport = 44
  case registerChange = 45
  // Moves: source → target, but for the last. `ProtoMoveBegin`, `ProtoMoveFile`, `ProtoMoveImport`
  // → empty; `ProtoMoveRecords` → `ProtoMovePosition`; `ProtoMoveRelease` → empty once adopted.
  case moveBegin = 50
  case moveFile = 51
  case moveImport = 52
  case moveRecords = 53
  case moveRelease = 54
  /// `ProtoMoveQuestion`: the source has burned the epoch → empty once the target has refused.
  case moveRefuse = 55
  /// Old owner → new owner: `ProtoLateOutcome` → empty once durable.
  case lateOutcome = 56
  /// Target → source: `ProtoMoveQuestion` → `ProtoMoveStanding`.
  case moveStanding = 57
}

/// Topics of publish/subscribe.
public enum WireTopic: String, Sendable, CaseIterable {
  /// `ProtoMapPage` with the chunks that changed; from the control plane.
  case map
  /// `ProtoSendStop`; from the control plane.
  case sendStops
  /// One security event as JSON; from a cell.
  case securityEvents
}
