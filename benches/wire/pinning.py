"""Ties a new process to a core, and the core to it."""

import os

# Before everything that is not real-time: a busy machine's other work then hardly shows.
HIGHEST_PRIORITY = -20
# Where the kernel shares cores between sessions first, priorities count only within one.
SESSION_PRIORITY = "/proc/self/autogroup"


def on_core(core, preferred):
    """What a child process calls before it becomes the program: stays on `core`, and if `preferred` takes
    precedence over the machine's other work, where this is permitted."""

    def pin():
        os.sched_setaffinity(0, {core})
        if preferred:
            os.setsid()
            try:
                os.setpriority(os.PRIO_PROCESS, 0, HIGHEST_PRIORITY)
                if os.path.exists(SESSION_PRIORITY):
                    with open(SESSION_PRIORITY, "w") as file:
                        file.write(str(HIGHEST_PRIORITY))
            except OSError:
                pass

    return pin
