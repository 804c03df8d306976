"""Ties a new process to a core, and the core to it."""

import os

# Before everything that is not real-time: a busy machine's other work then hardly shows.
HIGHEST_PRIORITY = -20
# Where the kernel shares cores between sessions first, priorities count only within one.
SESSION_PRIORITY = "/proc/self/autogroup"


def on_core(core):
    """What a child process calls before it becomes the program: stays on `core` and takes precedence over
    the machine's other work, where this is permitted.

    Where sessions share the cores first, only the session is raised, so that priorities inside the program
    (a low one for a thread that compiles) mean what they mean elsewhere.
    """

    def pin():
        os.sched_setaffinity(0, {core})
        os.setsid()
        try:
            if os.path.exists(SESSION_PRIORITY):
                with open(SESSION_PRIORITY, "w") as file:
                    file.write(str(HIGHEST_PRIORITY))
            else:
                os.setpriority(os.PRIO_PROCESS, 0, HIGHEST_PRIORITY)
        except OSError:
            pass

    return pin
