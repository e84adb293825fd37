/**
 * Numbers of the libvirt API that the wire carries, named as in `libvirt/libvirt-domain.h` and
 * `libvirt/virterror.h` without their prefixes. Only what is used here; values never change.
 */

/** `virErrorNumber`: the code in a typed error. */
export const LibvirtErrorCode = {
  INTERNAL_ERROR: 1,
  INVALID_ARG: 8,
  OPERATION_FAILED: 9,
  XML_ERROR: 27,
  XML_DETAIL: 35,
  SYSTEM_ERROR: 38,
  RPC: 39,
  NO_DOMAIN: 42,
  OPERATION_INVALID: 55,
  CONFIG_UNSUPPORTED: 67,
  OPERATION_TIMEOUT: 68,
  ARGUMENT_UNSUPPORTED: 74,
  NO_DOMAIN_METADATA: 80,
  AGENT_UNRESPONSIVE: 86,
  DEVICE_MISSING: 99,
} as const;

/** `virErrorDomain`: the part of libvirt that raised an error. */
export const LibvirtErrorDomain = {
  NONE: 0,
  XML: 5,
  DOM: 6,
  RPC: 7,
  QEMU: 10,
  REMOTE: 13,
  DOMAIN: 20,
} as const;

/** `virDomainState`. */
export const DomainState = {
  NOSTATE: 0,
  RUNNING: 1,
  BLOCKED: 2,
  PAUSED: 3,
  SHUTDOWN: 4,
  SHUTOFF: 5,
  CRASHED: 6,
  PMSUSPENDED: 7,
} as const;

/** Reasons of `RUNNING` (`virDomainRunningReason`). */
export const RunningReason = { BOOTED: 1, RESTORED: 3, UNPAUSED: 5 } as const;

/** Reasons of `PAUSED` (`virDomainPausedReason`). */
export const PausedReason = { USER: 1, IOERROR: 5, STARTING_UP: 11 } as const;

/** Reasons of `SHUTOFF` (`virDomainShutoffReason`). */
export const ShutoffReason = {
  UNKNOWN: 0,
  SHUTDOWN: 1,
  DESTROYED: 2,
  CRASHED: 3,
  SAVED: 5,
  FAILED: 6,
  DAEMON: 8,
} as const;

/** `virDomainModificationImpact`: which definition a change touches; combine with `|`. */
export const Affect = { CURRENT: 0, LIVE: 1, CONFIG: 2 } as const;

/** `virDomainXMLFlags`. */
export const XmlFlag = { SECURE: 1, INACTIVE: 2 } as const;

/** `virDomainCreateFlags`. */
export const CreateFlag = { NONE: 0, PAUSED: 1, AUTODESTROY: 2 } as const;

/** `virDomainUndefineFlagsValues`. */
export const UndefineFlag = {
  MANAGED_SAVE: 1,
  SNAPSHOTS_METADATA: 2,
  NVRAM: 4,
  CHECKPOINTS_METADATA: 16,
} as const;

/** `virDomainShutdownFlagValues`. */
export const ShutdownFlag = { DEFAULT: 0, ACPI_POWER_BUTTON: 1, GUEST_AGENT: 2 } as const;

/** `virDomainDestroyFlagsValues`: GRACEFUL sends SIGTERM only. */
export const DestroyFlag = { DEFAULT: 0, GRACEFUL: 1 } as const;

/** `virDomainVcpuFlags` and `virDomainMemoryModFlags`: change the ceiling, not the value. */
export const MAXIMUM_FLAG = 4;

/** `virDomainMetadataType`. */
export const MetadataType = { DESCRIPTION: 0, TITLE: 1, ELEMENT: 2 } as const;

/** `virDomainEventID`: kinds of events that can be subscribed. */
export const EventId = {
  LIFECYCLE: 0,
  REBOOT: 1,
  DEVICE_REMOVED: 15,
  AGENT_LIFECYCLE: 18,
  DEVICE_REMOVAL_FAILED: 22,
} as const;

/** `virDomainEventType`: what a lifecycle event says. */
export const Lifecycle = {
  DEFINED: 0,
  UNDEFINED: 1,
  STARTED: 2,
  SUSPENDED: 3,
  RESUMED: 4,
  STOPPED: 5,
  SHUTDOWN: 6,
  PMSUSPENDED: 7,
  CRASHED: 8,
} as const;

/** Details of `Lifecycle.DEFINED`. */
export const DefinedDetail = { ADDED: 0, UPDATED: 1 } as const;

/** Details of `Lifecycle.STOPPED`. */
export const StoppedDetail = {
  SHUTDOWN: 0,
  DESTROYED: 1,
  CRASHED: 2,
  SAVED: 4,
  FAILED: 5,
} as const;

/** Details of `Lifecycle.SHUTDOWN`: who asked for it. */
export const ShutdownDetail = { FINISHED: 0, GUEST: 1, HOST: 2 } as const;

/** States of the guest agent's channel (`virConnectDomainEventAgentLifecycleState`). */
export const AgentState = { CONNECTED: 1, DISCONNECTED: 2 } as const;

/** Reasons of `AgentState` (`virConnectDomainEventAgentLifecycleReason`). */
export const AgentReason = { UNKNOWN: 0, DOMAIN_STARTED: 1, CHANNEL: 2 } as const;
