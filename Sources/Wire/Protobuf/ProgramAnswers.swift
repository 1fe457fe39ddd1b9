/// Answers what the control plane orders about the program that a process runs.
public typealias ProgramAnswers =
  @Sendable (Aimstors_ProtoProgramOrder) async throws(Failure) -> Aimstors_ProtoProgramState
