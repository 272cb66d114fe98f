/** The texts of the page of reboot locks in Chinese. */
import type { LockWords } from './words-en.ts'

export const chinese: LockWords = {
  title: '重启锁',
  footer: '机器没有逐台认证：持有机器令牌的任何一方都可以用组内任意机器的名义请求。',
  login: {
    title: '登录重启锁页面',
    intro:
      '请输入 PLATTE_LOCK_TOKENS 中的一个令牌，或 PLATTE_FLEET_TOKEN。令牌只能看到自己的组；具有 admin 权限的令牌可以释放名额。',
    ...{ token: '令牌', submit: '登录', out: '退出登录' },
    wrong: '这不是此页面的令牌。',
    byHttp: (url) => `此页面是用 http 打开的，浏览器无法保持登录。请改为打开 ${url}。`,
    tooMany: '错误的令牌太多。请等一分钟再试。',
  },
  asOf: '截至 {time}',
  all: '所有组',
  none: '没有此令牌可以查看的组。',
  noneHint: '用 platte lock create GROUP 创建。',
  damaged: '无法读取的组：其机器不会重启。',
  elsewhere: '由 Durable Object 保存的组不在此显示。',
  shown: (from, to, all) => `第 ${from} 至 ${to} 组，共 ${all} 组`,
  more: (count) => `…… 还有 ${count} 项：请用 platte lock status 查看`,
  noGroup: (group) => `没有此令牌可以查看的组 ${group}。`,
  heads: {
    ...{ group: '组', slots: '名额', taken: '已占用', soaking: '观察中', waiting: '等待', oldest: '最早占用于' },
    ...{ closed: '暂停原因', machine: '机器', by: '协议', since: '占用于', seen: '最后出现', zone: '区域' },
    ...{ first: '首次请求', last: '最近请求', why: '原因', at: '时间', what: '事件', who: '操作者' },
  },
  slots: (taken, max) => `${max} 个名额中已占用 ${taken} 个`,
  holders: '占用名额的机器',
  noHolders: '没有机器占用名额。',
  overdue: '已超时',
  soaking: (count) => `${count} 台机器已经恢复，名额暂时保留`,
  waiting: '等待的机器',
  noWaiting: '没有机器在等待。',
  waitingHint: '按首次请求的时间排列；名额不按此顺序分配。',
  silent: (count) => `${count} 台机器没有得到名额就停止了请求`,
  address: '地址',
  history: '历史',
  reasons: {
    ...{ full: '没有空闲名额', kept: '名额保留给 locksmith', hold: '有版本被暂停', freeze: '冻结期' },
    ...{ rollback: '有机器回退', window: '不在时间窗口内', soak: '名额在观察期', zone: '所在区域受限' },
    ...{ gate: '检查未通过' },
  },
  events: {
    ...{ create: '创建组', lock: '占用名额', unlock: '释放名额', 'set-max': '设置名额数', policy: '修改策略' },
    ...{ expire: '超时释放', release: '恢复后释放', rollback: '有机器回退', acknowledge: '结束暂停' },
  },
  unlock: {
    button: '释放名额……',
    title: '释放此名额？',
    warning:
      '之后另一台机器可能重启。启动缓慢不等于失效：请先检查这台机器。如果它仍需要名额，同时停机的机器可能超过上限。',
    ...{ submit: '释放名额', cancel: '返回' },
    done: (id) => `${id} 的名额已释放。`,
    changed: '没有任何更改：这台机器已不再占用页面所显示的名额。',
    denied: (group) => `此令牌没有 ${group} 的 admin 权限。`,
  },
}
