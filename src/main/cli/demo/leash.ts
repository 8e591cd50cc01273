// Preloaded into the demo's relay (`node --import`), which is otherwise the program that everybody runs: it must not
// outlive the demo, even one that is killed and can tell it nothing.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
